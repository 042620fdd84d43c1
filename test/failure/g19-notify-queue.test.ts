import pg from 'pg';
import { expect, it } from 'vitest';
import { startDevDatabase } from '@millrace/dev-db';
import { short } from '../fixtures/jobs.ts';
import { Fleet } from '../helpers/fleet.ts';
import { durable } from '../helpers/own-server.ts';

/** Listens, and then never comes to read: in an open transaction nothing is delivered, and the queue keeps all. */
async function listenWithoutReading(url: string): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('LISTEN somewhere');
  await client.query('BEGIN; SELECT 1');
  return { [Symbol.asyncDispose]: () => client.end() };
}

async function usage(fleet: Fleet): Promise<number> {
  const [row] = await fleet.query<{ usage: number }>(
    'SELECT pg_notification_queue_usage() AS usage',
  );
  return row?.usage ?? 0;
}

it('B8: G19: while the queue of notifications is full no enqueue fails, in no transaction, and jobs are run all the same', async () => {
  const settings = { ...durable.settings, max_notify_queue_pages: '64' };
  await using server = await startDevDatabase({ ...durable, settings });
  await using fleet = await Fleet.on(server);
  const worker = await fleet.start();
  await using _ = await listenWithoutReading(server.url);

  // Others fill it to the last page.
  const message = 'x'.repeat(7_000);
  await expect(
    fleet.query(`SELECT pg_notify('elsewhere', $1 || n) FROM generate_series(1, 1000) n`, [
      message,
    ]),
  ).rejects.toMatchObject({ message: expect.stringContaining('too many notifications') as string });
  await fleet.until('it is full', async () => {
    const fill = fleet.query(`SELECT pg_notify('elsewhere', $1)`, [message]);
    return fill.then(
      () => false,
      () => true,
    );
  });
  expect(await usage(fleet)).toBeGreaterThan(0.9);

  const alone = await fleet.millrace.enqueue(short, {});
  const joined = await fleet.millrace.transaction(async (tx) => {
    await tx.query('CREATE TABLE public.users_own (id int)');
    return fleet.millrace.enqueue(short, {}, { tx });
  });
  const stateOf = async (id: string) => (await fleet.millrace.get(id))?.state;
  for (const { id } of [alone, joined])
    await fleet.until('it is run', async () => (await stateOf(id)) === 'completed');
  expect(await usage(fleet)).toBeGreaterThan(0.9);
  expect(await worker.stop()).toEqual({ code: 0, signal: null });
});
