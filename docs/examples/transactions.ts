import { createMillrace, defineJob } from 'millrace';
import pg from 'pg';
import { z } from 'zod';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });

const sendStatement = defineJob({
  kind: 'send-statement',
  payload: z.object({ account: z.string() }),
  async handler({ account }) {
    const sql = 'SELECT cents FROM accounts WHERE name = $1';
    const { rows } = await pool.query<{ cents: number }>(sql, [account]);
    console.log(`${rows[0]?.cents} cents`); // prints: 700 cents
  },
});

const bookPayment = defineJob({
  kind: 'book-payment',
  payload: z.object({ account: z.string(), cents: z.int() }),
  transaction: true,
  async handler({ account, cents }, { tx, enqueue }) {
    await tx.query('UPDATE accounts SET cents = cents + $2 WHERE name = $1', [account, cents]);
    await enqueue(sendStatement, { account }); // in the same transaction
    // The booking, the follow-up job and this job's completion commit together, or none of them does.
  },
});

const millrace = createMillrace({ connection: pool, jobs: [bookPayment, sendStatement] });
await millrace.migrate();
await pool.query('CREATE TABLE IF NOT EXISTS accounts (name text PRIMARY KEY, cents int NOT NULL)');
await pool.query(`INSERT INTO accounts VALUES ('ada', 0) ON CONFLICT DO NOTHING`);

// A transaction of your own, on any client of `pg`:
const client = await pool.connect();
await client.query('BEGIN');
await millrace.enqueue(bookPayment, { account: 'ada', cents: 1_250 }, { tx: client });
await client.query('ROLLBACK'); // there never was such a job
await client.query('BEGIN');
await millrace.enqueue(bookPayment, { account: 'ada', cents: 700 }, { tx: client });
await client.query('COMMIT');
client.release();

await millrace.createWorker().run();
await pool.end(); // a pool of yours stays open until you close it
