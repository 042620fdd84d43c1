import { millrace, sendMail } from './jobs.ts';

// says: TransactionHandle
void millrace.enqueue(sendMail, { to: 'ada', lines: [] }, { tx: 'postgres://localhost' });
