import { millrace, sendMail } from './jobs.ts';

// says: TransactionHandle
const pool = { query: async () => ({ rows: [], rowCount: 0 }), totalCount: 1 };
void millrace.enqueue(sendMail, { to: 'ada', lines: [] }, { tx: pool });
