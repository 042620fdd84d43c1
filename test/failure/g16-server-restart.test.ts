import { setTimeout as sleep } from 'node:timers/promises';
import { startDevDatabase, type DevDatabase } from '@millrace/dev-db';
import pg from 'pg';
import { expect, it, vi } from 'vitest';
import { createMillrace } from 'millrace';
import { short, transactional } from '../fixtures/jobs.ts';
import { backToPace, expectUnharmed, startBusy } from '../helpers/aftermath.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { Fleet } from '../helpers/fleet.ts';
import { durable } from '../helpers/own-server.ts';
import { goodbye, startRewritingProxy } from '../helpers/rewriting-proxy.ts';
import { until } from '../helpers/until.ts';

/** After a lost answer jobs may wait for the next look at all running jobs, which comes every ten seconds. */
vi.setConfig({ testTimeout: 60_000 });

/** Enqueues, in one transaction after the other, until told to end; answers with the number of those that are known to be committed. */
function produce(fleet: Fleet): { end(): Promise<number> } {
  let wanted = true;
  const run = async () => {
    let committed = 0;
    while (wanted) {
      const jobs = Array.from({ length: 20 }, () => short.with({ ms: 10 }));
      await fleet.enqueue(...jobs, transactional.with({ followUps: 1 })).then(
        () => (committed += 1),
        () => {},
      );
      await sleep(20);
    }
    return committed;
  };
  const running = run();
  return {
    end() {
      wanted = false;
      return running;
    },
  };
}

it('G16: a connection that the server ends in the moment it is handed out does not end the process', async () => {
  await using database = await createTestDatabase();
  let isFirst = true;
  await using proxy = await startRewritingProxy(database.url, (message) => {
    // With the first `ready for query` comes the end, in one piece.
    if (!isFirst || message[0] !== 'Z'.charCodeAt(0)) return message;
    isFirst = false;
    return Buffer.concat([message, goodbye('57P01')]);
  });
  await using millrace = createMillrace({ connection: proxy.url, logger: false });
  const ask = () => millrace.transaction((tx) => tx.query('SELECT 1'));
  await expect(ask()).rejects.toMatchObject({ code: 'MILLRACE_DB_UNREACHABLE' });
  expect(await ask()).toMatchObject({ rowCount: 1 });
});

it.each([
  ['restarted', (server: DevDatabase) => server.restart()],
  [
    'killed and started again',
    (server: DevDatabase) => server.kill('SIGKILL').then(() => server.restart()),
  ],
])(
  'G16: when the server is %s under load, workers come back without a restart and nothing is lost',
  async (_, hit) => {
    await using server = await startDevDatabase(durable);
    await using fleet = await Fleet.on(server);
    const events = ['listener:lost', 'listener:ready'] as const;
    const workers = await Promise.all([fleet.start({ events }), fleet.start({ events })]);
    const producer = produce(fleet);
    const done = (count: number) =>
      fleet.until(`${count} jobs are done`, async () => {
        const ended = fleet.history().filter(({ what }) => what === 'ended');
        return ended.length >= count;
      });
    await done(100);
    await hit(server);
    const before = fleet.history().filter(({ what }) => what === 'ended').length;
    await done(before + 100);
    const committed = await producer.end();
    await fleet.finished();

    expect(committed).toBeGreaterThan(5);
    for (const worker of workers) {
      await worker.waitFor('it listens again', () => worker.events('listener:ready').length > 1);
      expect(worker.events('listener:lost').length).toBeGreaterThan(0);
    }
    const doubled = await fleet.query(
      'SELECT job FROM public.effect GROUP BY job HAVING count(*) > 1',
    );
    expect(doubled).toEqual([]);
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  },
);

/** Kills one process of the server, which then ends all others, recovers, and goes on without having been restarted. */
async function killBackend({ url }: DevDatabase): Promise<void> {
  const ask = async () => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'`,
      );
      return rows[0]?.pid;
    } catch {
      return undefined;
    } finally {
      await client.end().catch(() => {});
    }
  };
  const before = await ask();
  if (before !== undefined) process.kill(before, 'SIGKILL');
  await until('the server has recovered', async () => {
    const now = await ask();
    return now !== undefined && now !== before;
  });
}

it.each([
  ['restarted', (server: DevDatabase) => server.restart()],
  [
    'stopped at once and started again',
    (server: DevDatabase) => server.kill('SIGQUIT').then(() => server.restart()),
  ],
  ['bereft of one of its processes', killBackend],
])(
  'A3: G16: when the server is %s, no job of a living worker is rescued, handlers in hand go on, and the workers are back at full rate within 5 s',
  async (what, hit) => {
    await using server = await startDevDatabase(durable);
    await using fleet = await Fleet.on(server);
    const busy = await startBusy(fleet);
    await hit(server);
    expect(await backToPace(fleet, busy, what)).toBeLessThan(3 * 5_000);
    await expectUnharmed(fleet, busy);
  },
);
