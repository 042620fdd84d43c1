import { millrace, sendMail } from './jobs.ts';

// says: Did you mean to write 'delay'
void millrace.enqueue(sendMail, { to: 'ada', lines: [] }, { dely: '10s' });
