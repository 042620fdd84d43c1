import { millrace, sendMail } from './jobs.ts';

// says: Expected 2-3 arguments
void millrace.enqueue(sendMail);
