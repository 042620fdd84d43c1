import { AsyncLocalStorage } from 'node:async_hooks';
import { defineJob, type TransactionSource } from 'millrace';
import type pg from 'pg';
import { expect, it } from 'vitest';
import { createTestMillrace } from '../helpers/millrace.ts';

const context = new AsyncLocalStorage<string>();

interface Behaviour {
  /** The pool whose connections it takes. */
  readonly pool: () => pg.Pool;
  readonly begin?: () => void;
  readonly giving?: (client: pg.PoolClient) => unknown;
  /** How it ends a transaction that it means to commit. */
  readonly commit?: () => string;
}

/** A library that opens transactions around callbacks, and believes that every COMMIT commits. */
function library({
  pool,
  begin = () => {},
  giving = (client) => client,
  commit = () => 'COMMIT',
}: Behaviour): TransactionSource<pg.PoolClient> {
  return {
    async begin(body) {
      begin();
      const client = await pool().connect();
      try {
        await client.query('BEGIN');
        await context.run('inside', () => body(giving(client) as pg.PoolClient));
        await client.query(commit());
      } catch (error) {
        await client.query('ROLLBACK');
        throw error;
      } finally {
        client.release();
      }
    },
  };
}

/** Runs one job whose handler inserts a row; tells what came of it. */
async function runJob(behaviour: Omit<Behaviour, 'pool'>) {
  const stores: unknown[] = [];
  const job = defineJob({
    kind: 'job',
    transaction: library({ ...behaviour, pool: () => pool }),
    async handler(_, { tx }) {
      stores.push(context.getStore());
      await tx.query('INSERT INTO public.row DEFAULT VALUES');
    },
  });
  await using made = await createTestMillrace({ jobs: [job] });
  const pool = made.database.pool();
  await made.database.query('CREATE TABLE public.row (n serial)');
  const { id } = await made.millrace.enqueue(job);
  await made.millrace.createWorker().tick();
  const rows = await made.database.query('SELECT FROM public.row');
  return { stores, job: await made.millrace.get(id), rows: rows.length };
}

it('W21: the handler runs in the context that the library made for its transaction', async () => {
  const { stores, job, rows } = await runJob({});
  expect(stores).toEqual(['inside']);
  expect(job).toMatchObject({ state: 'completed', attempt: 1 });
  expect(rows).toBe(1);
});

it('W21: a rollback that the library takes for a commit is found out, and the handler runs again', async () => {
  const ends = ['ROLLBACK', 'COMMIT'];
  const { stores, job, rows } = await runJob({ commit: () => ends.shift() ?? 'COMMIT' });
  expect(stores).toHaveLength(2);
  expect(job).toMatchObject({ state: 'completed', attempt: 1, attempts: [] });
  expect(rows).toBe(1);
});

it('W21: a database that the library cannot reach is waited for, at no cost to the job', async () => {
  let tries = 0;
  const { job, rows } = await runJob({
    begin() {
      tries += 1;
      if (tries < 3) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
    },
  });
  expect(tries).toBe(3);
  expect(job).toMatchObject({ state: 'completed', attempt: 1, attempts: [] });
  expect(rows).toBe(1);
});

it('W21: a transaction of a library that Millrace does not know fails the attempt', async () => {
  const { stores, job } = await runJob({ giving: () => ({ execute: () => {} }) });
  expect(stores).toEqual([]);
  expect(job).toMatchObject({
    state: 'retryable',
    attempts: [{ error: { code: 'MILLRACE_TX_INVALID' } }],
  });
});
