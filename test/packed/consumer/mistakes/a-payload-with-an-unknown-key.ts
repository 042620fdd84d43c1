import { millrace, sendMail } from './jobs.ts';

// says: 'too' does not exist
void millrace.enqueue(sendMail, { to: 'ada', too: 'bob', lines: [] });
