import { startDevDatabase, type DevDatabase } from '@millrace/dev-db';
import { expect, it } from 'vitest';
import { short, transactional } from '../fixtures/jobs.ts';
import { Fleet } from '../helpers/fleet.ts';
import { durable } from '../helpers/own-server.ts';

/** Enqueues, in one transaction after the other, until told to end; those that meet no server are of unknown end. */
function produce(fleet: Fleet): { end(): Promise<{ committed: number; failed: number }> } {
  let wanted = true;
  let committed = 0;
  let failed = 0;
  const run = async () => {
    while (wanted) {
      const jobs = Array.from({ length: 20 }, () => short.with({ ms: 10 }));
      await fleet.enqueue(...jobs, transactional.with({ followUps: 1 })).then(
        () => (committed += 1),
        () => (failed += 1),
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return { committed, failed };
  };
  const running = run();
  return {
    end() {
      wanted = false;
      return running;
    },
  };
}

it.each([
  ['restarted', (server: DevDatabase) => server.restart()],
  ['killed and started again', (server: DevDatabase) => server.kill('SIGKILL').then(() => server.restart())],
])('G16: when the server is %s under load, workers come back without a restart and nothing is lost', async (_, hit) => {
  await using server = await startDevDatabase(durable);
  await using fleet = await Fleet.on(server);
  const events = ['listener:lost', 'listener:ready'] as const;
  // A worker that cannot reach the server for some seconds is not dead.
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
  const { committed } = await producer.end();
  const t0 = Date.now();
  await fleet.finished().catch(async (e) => {
    console.log(JSON.stringify(await fleet.query("select id, state, run_at, now(), lease, lease >> 32 as no, attempt, crashes, kind, claimed_at from millrace.job"), null, 1));
    console.log(JSON.stringify(await fleet.query("select * from millrace.worker")), JSON.stringify(await fleet.query("select * from millrace.worker_dead")));
    console.log(JSON.stringify(await fleet.query("select pid, application_name, state, xact_start, query_start, wait_event, query from pg_stat_activity where datname is not null"), null, 1));
    throw e;
  });
  console.log('finished took', Date.now() - t0);

  expect(committed).toBeGreaterThan(5);
  for (const worker of workers) {
    await worker.waitFor('it listens again', () => worker.events('listener:ready').length > 1);
    expect(worker.events('listener:lost').length).toBeGreaterThan(0);
  }
  const effects = await fleet.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM public.effect GROUP BY job HAVING count(*) > 1',
  );
  expect(effects).toEqual([]);
  expect(await fleet.violations({ allFinished: true })).toEqual([]);
}, 60_000);
