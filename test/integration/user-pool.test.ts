import { startDevDatabase } from '@millrace/dev-db';
import pg from 'pg';
import { expect, it } from 'vitest';
import { createMillrace, defineJob } from 'millrace';
import { connectionsOf } from '../../packages/millrace/src/storage/connection.ts';

it("a worker reaches a server that asks for the password of the user's pool", async () => {
  await using server = await startDevDatabase({ ephemeral: true, fast: true, port: 0 });
  const { hostname, port, username, password } = new URL(server.url);
  const settings = { host: hostname, port: Number(port), user: username, database: 'postgres' };
  const pool = new pg.Pool({ ...settings, password });
  // The server may end before the goodbyes of its clients.
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}));
  const hello = defineJob({ kind: 'hello', handler: async () => 'done' });
  const millrace = createMillrace({ connection: pool, jobs: [hello], logger: false });
  await millrace.migrate();
  const { id } = await millrace.enqueue(hello);
  expect(await millrace.createWorker().tick()).toBe(1);
  expect(await millrace.get(id)).toMatchObject({ state: 'completed', result: 'done' });
  await millrace.close();
  await pool.end();
});

it("sessions of the engine take over the password and the key of the user's pool", () => {
  const ssl = { key: 'private', cert: 'public' };
  const pool = new pg.Pool({ host: 'nowhere', password: 'secret', ssl });
  const { direct } = connectionsOf(pool, undefined);
  expect(direct()).toMatchObject({ host: 'nowhere', password: 'secret' });
  expect(direct().ssl).toHaveProperty('key', 'private');
});
