import { describe, expect, it } from 'vitest';
import { defineJob } from 'millrace';
import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { createTestMillrace, shrunk } from '../helpers/millrace.ts';
import { asPooler, startRewritingProxy } from '../helpers/rewriting-proxy.ts';
import { claim, claimRequest, identity, newJob, openStorage } from '../helpers/storage.ts';
import { until } from '../helpers/until.ts';

const why = { by: 'ann', reason: 'the mail server is down' };

/** A kind of which the test sees what ran, and a queue that is not paused to see that workers claim at all. */
function definitions() {
  const ran: string[] = [];
  const handler = (_: object, { id }: { id: string }) => void ran.push(id);
  const job = defineJob({ kind: 'send', queue: 'mail', handler });
  const other = defineJob({ kind: 'other', queue: 'other', handler });
  return { ran, job, other };
}

describe('a paused queue', () => {
  it('is claimed from by nobody, also not by workers that start later, until it is resumed, which starts its jobs at once', async () => {
    const { ran, job, other } = definitions();
    await using app = await createTestMillrace({ jobs: [job, other] });
    await using second = composeMillrace(
      { connection: app.database.url, logger: false, jobs: [job, other] },
      shrunk,
    );
    await app.millrace.createWorker().start();
    expect(await app.millrace.pauseQueue('mail', why)).toMatchObject({
      status: 'paused',
      pause: { queue: 'mail', ...why },
    });
    const waiting = await app.millrace.enqueue(job, {}, { priority: -3 });
    await second.createWorker().start();
    const ids = await app.millrace.enqueueMany(Array.from({ length: 20 }, () => job.with()));
    // Whoever has run this has looked for jobs after those were there.
    for (let each = 0; each < 5; each++) {
      const { id } = await app.millrace.enqueue(other);
      await until('the other queue is served', () => ran.includes(id));
    }
    expect(ran).toHaveLength(5);
    const resumedMs = performance.now();
    expect(await app.millrace.resumeQueue('mail')).toMatchObject({
      status: 'resumed',
      pause: { queue: 'mail', ...why },
    });
    await until('all have run', () => ran.length === 26);
    const tookMs = performance.now() - resumedMs;
    console.log(`resumed: 21 jobs ran within ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(3_000);
    expect(ran.slice(5).toSorted()).toEqual(
      [waiting.id, ...ids.map(({ id }) => id)].toSorted((a, b) => (a < b ? -1 : 1)),
    );
  });

  it('holds within a second of the pause while jobs come in all the time, and lets running jobs go on', async () => {
    const { ran, job } = definitions();
    const letGo = Promise.withResolvers<void>();
    const long = defineJob({ kind: 'long', queue: 'mail', handler: () => letGo.promise });
    await using app = await createTestMillrace({ jobs: [job, long] });
    const { millrace } = app;
    const { id } = await millrace.enqueue(long);
    await millrace.createWorker({ concurrency: 2 }).start();
    await until('it runs', async () => (await millrace.get(id))?.state === 'running');
    let isOver = false;
    const producing = (async () => {
      while (!isOver) await millrace.enqueueMany(Array.from({ length: 20 }, () => job.with()));
    })();
    await until('the worker is busy', () => ran.length > 100);
    await millrace.pauseQueue('mail', why);
    const pausedMs = performance.now();
    let lastMs = pausedMs;
    let last = ran.length;
    await until('nothing has started for half a second', () => {
      if (ran.length > last) lastMs = performance.now();
      last = ran.length;
      return performance.now() - lastMs > 500;
    });
    console.log(`paused: the last job started after ${Math.round(lastMs - pausedMs)} ms`);
    expect(lastMs - pausedMs).toBeLessThan(3_000);
    isOver = true;
    await producing;
    // What was in hand and had not started is there for others.
    await until(
      'only the long one is claimed',
      async () => (await millrace.list({ state: 'running', limit: 5 })).jobs.length === 1,
    );
    letGo.resolve();
    await until('it completes', async () => (await millrace.get(id))?.state === 'completed');
  });

  it('is found by polling where no notification arrives', async () => {
    const { ran, job } = definitions();
    await using database = await createTestDatabase();
    await using proxy = await startRewritingProxy(database.url, asPooler);
    await using millrace = composeMillrace(
      { connection: proxy.url, logger: false, jobs: [job] },
      { ...shrunk, pollMs: 1_000 },
    );
    await millrace.createWorker().start();
    await millrace.pauseQueue('mail', why);
    const { id } = await millrace.enqueue(job);
    await until('it is known why', async () => (await millrace.why(id)).code === 'queue_paused');
    await millrace.resumeQueue('mail');
    const resumedMs = performance.now();
    await until('it has run', () => ran.includes(id));
    const tookMs = performance.now() - resumedMs;
    console.log(`resumed without notifications: ran after ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(6_000);
  });

  it('holds within two seconds for a busy worker that only polls, and for whoever starts after every process has ended', async () => {
    const { ran, job } = definitions();
    await using database = await createTestDatabase();
    await using proxy = await startRewritingProxy(database.url, asPooler);
    const compose = () =>
      composeMillrace(
        { connection: proxy.url, logger: false, jobs: [job] },
        { ...shrunk, pollMs: 1_000 },
      );
    const first = compose();
    await first.createWorker({ concurrency: 2 }).start();
    let isOver = false;
    const producing = (async () => {
      while (!isOver) await first.enqueueMany(Array.from({ length: 20 }, () => job.with()));
    })();
    await until('the worker is busy', () => ran.length > 100);
    await first.pauseQueue('mail', why);
    const pausedMs = performance.now();
    let lastMs = pausedMs;
    let last = ran.length;
    await until('nothing has started for a second and a half', () => {
      if (ran.length > last) lastMs = performance.now();
      last = ran.length;
      return performance.now() - lastMs > 1_500;
    });
    console.log(`polling: the last job started after ${Math.round(lastMs - pausedMs)} ms`);
    expect(lastMs - pausedMs).toBeLessThan(6_000);
    isOver = true;
    await producing;
    await first.close();

    await using second = compose();
    await second.createWorker().start();
    const { id } = await second.enqueue(job);
    await until('it is known why', async () => (await second.why(id)).code === 'queue_paused');
    await until('it has polled', async () => {
      const [worker] = (await second.workers()).live;
      return worker !== undefined && Date.now() - worker.startedAt.getTime() > 1_500;
    });
    expect(ran).toHaveLength(last);
    await second.resumeQueue('mail');
    await until('it has run', () => ran.includes(id));
  });

  it('keeps its first pause, and resuming what is not paused changes nothing', async () => {
    await using app = await createTestMillrace();
    await app.millrace.pauseQueue('mail', why);
    expect(await app.millrace.pauseQueue('mail', { by: 'bob', reason: 'another' })).toMatchObject({
      status: 'already',
      pause: why,
    });
    expect(await app.millrace.resumeQueue('other')).toEqual({ status: 'not_paused' });
    // @ts-expect-error Somebody is to know who it was.
    await expect(app.millrace.pauseQueue('mail', { reason: 'none' })).rejects.toMatchObject({
      code: 'MILLRACE_OPTION_INVALID',
    });
  });
});

it('a claim says which of its queues are paused, takes only from the others, and afterwards finds what lay behind its cursor', async () => {
  await using database = await createTestDatabase();
  const storage = openStorage(database.url);
  const session = storage.session();
  await session.register(identity(1, { queues: ['default', 'mail'] }));
  const queues = ['default', 'mail'].map((queue) => ({ queue, limit: 10 }));
  await storage.enqueue([newJob(), newJob({ queue: 'mail' })]);
  expect(await claim(session, 1, 1, { queues })).toHaveLength(2);
  await database.query(`INSERT INTO millrace.queue_pause VALUES ('mail', now(), 'ann', 'test')`);
  await storage.enqueue([newJob(), newJob({ queue: 'mail' })]);
  // Long ago, so that only a cursor that was not moved by the pause finds it.
  await database.query(
    `UPDATE millrace.job SET run_at = run_at - interval '1 hour' WHERE queue = 'mail' AND state = 0`,
  );
  const paused = await session.claim({ ...claimRequest(1, 2), queues });
  expect(paused.jobs.map(({ queue }) => queue)).toEqual(['default']);
  expect(paused.paused).toEqual(['mail']);
  await database.query(`DELETE FROM millrace.queue_pause`);
  const after = await session.claim({ ...claimRequest(1, 3), queues, everywhere: 'no' });
  expect(after.jobs.map(({ queue }) => queue)).toEqual(['mail']);
  expect(after.paused).toEqual([]);
  await storage.close();
});
