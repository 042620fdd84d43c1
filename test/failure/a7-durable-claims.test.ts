import { startDevDatabase } from '@millrace/dev-db';
import pg from 'pg';
import { expect, it } from 'vitest';
import { durable } from '../helpers/own-server.ts';
import { claim, completed, identity, leaseOf, newJob, openStorage } from '../helpers/storage.ts';

it('A7: G2: no claim and no completion that a worker knows of is forgotten when the server crashes, although it need not be durable by default', async () => {
  const settings = { ...durable.settings, synchronous_commit: 'off', wal_writer_delay: '10s' };
  await using server = await startDevDatabase({ ...durable, settings });
  const storage = openStorage(server.url);
  await storage.migrate();
  const session = storage.session();
  await session.register(identity(1));
  await storage.enqueue(Array.from({ length: 60 }, () => newJob()));
  const first = await claim(session, 1, 1, { limit: 10 });
  const second = await claim(session, 1, 2, { limit: 50 });
  // These ride on a claim that finds nothing.
  await claim(session, 1, 3, {
    completed: first.map(({ id, lease }) => ({ id, lease, settlement: completed })),
  });
  expect([first.length, second.length]).toEqual([10, 50]);

  await server.kill('SIGQUIT');
  await storage.close().catch(() => {});
  await server.restart();
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query(
    'SELECT state, attempt, lease::text, count(*)::int AS jobs FROM millrace.job GROUP BY 1, 2, 3',
  );
  expect(rows).toEqual([{ state: 1, attempt: 1, lease: leaseOf(1, 2), jobs: 50 }]);
  const history = await client.query('SELECT FROM millrace.job_history');
  expect(history.rowCount).toBe(10);
  await client.end();
});
