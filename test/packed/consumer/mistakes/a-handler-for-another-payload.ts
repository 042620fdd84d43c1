import { sendMail } from './jobs.ts';

// says: 'email' is missing
sendMail.handle(async (payload: { email: string }) => payload.email);
