import { millrace, sendMail } from './jobs.ts';

// says: Property 'lines' is missing
void millrace.enqueue(sendMail, { to: 'ada' });
