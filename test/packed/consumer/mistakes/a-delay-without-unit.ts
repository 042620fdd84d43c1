import { millrace, sendMail } from './jobs.ts';

// says: Type '"10"' is not assignable to type 'Duration
void millrace.enqueue(sendMail, { to: 'ada', lines: [] }, { delay: '10' });
