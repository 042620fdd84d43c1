import { millrace, sendMail } from './jobs.ts';

// says: Type 'number' is not assignable to type 'string'
void millrace.enqueue(sendMail, { to: 7, lines: [] });
