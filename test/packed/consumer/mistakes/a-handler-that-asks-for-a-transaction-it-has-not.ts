import { sendMail } from './jobs.ts';

// says: Property 'tx' does not exist on type 'JobContext'
sendMail.handle(async (_, { tx }) => tx);
