import { startDevDatabase, type DevDatabase } from '@millrace/dev-db';
import pg from 'pg';
import { expect, it, vi } from 'vitest';
import { defineJob } from 'millrace';
import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import { held } from '../fixtures/jobs.ts';
import { backToPace, expectUnharmed, hasty, outlast, startBusy } from '../helpers/aftermath.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';
import { startFlakyProxy } from '../helpers/flaky-proxy.ts';
import { durable } from '../helpers/own-server.ts';
import { until } from '../helpers/until.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Takes every connection that the server still gives; whoever comes later is refused. */
async function takeAllConnections({ url }: DevDatabase): Promise<AsyncDisposable> {
  const taken: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      taken.push(client);
    } catch (error) {
      expect(error).toMatchObject({ code: '53300' });
      return {
        async [Symbol.asyncDispose]() {
          await Promise.all(taken.map((each) => each.end()));
        },
      };
    }
  }
}

it('A3: G16: workers that lose their connections while others use up those of the server come back when there are some, and nobody is taken for dead', async () => {
  const settings = { ...durable.settings, max_connections: '20' };
  await using server = await startDevDatabase({ ...durable, settings });
  await using proxy = await startFlakyProxy(server.url);
  await using fleet = await Fleet.on(proxy);
  const busy = await startBusy(fleet);
  proxy.block();
  {
    await using _ = await takeAllConnections(server);
    proxy.restore();
    await outlast(fleet, hasty.graceMs);
    for (const worker of busy.workers) {
      const refused = worker.events('settle:retried').map(({ error }) => error.message);
      expect(refused.at(-1)).toMatch(/too many clients|connection slots/);
    }
  }
  expect(await backToPace(fleet, busy, 'able to take connections')).toBeLessThan(3 * 5_000);
  await expectUnharmed(fleet, busy);
});

it('G16: while handlers hold every connection of the pool that the application gave, heartbeats, claims, settlements and rescues go on', async () => {
  await using fleet = await Fleet.create();
  const pool = new pg.Pool({ connectionString: fleet.url, max: 2 });
  const release = Promise.withResolvers<void>();
  const hog = defineJob({
    kind: 'hog',
    async handler() {
      const client = await pool.connect();
      await release.promise;
      client.release();
    },
  });
  const rescued = held.handle(async () => {});
  await using millrace = composeMillrace(
    { connection: pool, jobs: [hog, rescued], logger: false },
    brisk,
  );
  const worker = millrace.createWorker({ concurrency: 5 });
  const stateOf = async (id: string) => (await fleet.millrace.get(id))?.state;
  try {
    const doomed = await fleet.start({ tuning: brisk, concurrency: 1 });
    const [left = ''] = await fleet.enqueue(held.with({}));
    await doomed.waitForBegan(left);
    await worker.start();
    const hogs = await fleet.enqueue(hog.with(), hog.with(), hog.with());
    await until('the pool has nothing left', () => pool.waitingCount > 0);

    const [next = ''] = await fleet.enqueue(held.with({}));
    await until('a job is claimed and settled', async () => (await stateOf(next)) === 'completed');
    const beats = () =>
      fleet.query<{ beat: string }>('SELECT no, beat FROM millrace.worker ORDER BY no');
    const before = await beats();
    await until('it beats', async () => JSON.stringify(await beats()) !== JSON.stringify(before));
    await doomed.kill();
    await until('a job is rescued', async () => (await stateOf(left)) === 'completed');
    release.resolve();
    for (const id of hogs)
      await until('the handlers end as well', async () => (await stateOf(id)) === 'completed');
  } finally {
    release.resolve();
    await worker.stop();
    await pool.end();
  }
});
