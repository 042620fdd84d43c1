import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { defineJob, delays, type AnyJobDefinition } from 'millrace';
import { startFlakyProxy, type FlakyProxy } from '../helpers/flaky-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import type { Tuning } from '../../packages/millrace/src/core/tuning.ts';
import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import type { ClaimRequest, WorkSession } from '../../packages/millrace/src/core/storage.ts';
import { systemClock } from '../../packages/millrace/src/system-clock.ts';
import { Company } from '../../packages/millrace/src/worker/company.ts';
import { Instruments } from '../../packages/millrace/src/telemetry/instruments.ts';
import { JobWorker } from '../../packages/millrace/src/worker/worker.ts';
import { shrunk } from '../helpers/millrace.ts';
import { recordEvents } from '../helpers/recorded.ts';
import { openStorage } from '../helpers/storage.ts';
import { emitted } from '../helpers/worker-parts.ts';
import { until } from '../helpers/until.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

/** A Millrace whose way to the database can fail, beside one whose way cannot. */
async function setup(jobs: readonly AnyJobDefinition[], tuning: Partial<Tuning> = {}) {
  const database = await createTestDatabase();
  const proxy = await startFlakyProxy(database.url);
  // No worker of these tests is to be taken for dead because its way to the database is cut.
  const calm = { silentForMs: 60_000, freeForMs: 60_000, graceMs: 60_000 };
  const seldom = { lookMs: 60_000, restMs: 60_000 };
  const times = { ...shrunk, ...calm, ...seldom, ...tuning };
  const millrace = composeMillrace({ connection: proxy.url, jobs, logger: false }, times);
  const safe = composeMillrace({ connection: database.url, jobs, logger: false }, times);
  open.push(database, proxy, safe, millrace);
  return { database, proxy, millrace, safe, events: recordEvents(millrace) };
}

/** What the rescuer of some other process does now and then. */
async function rescue(database: TestDatabase): Promise<number> {
  const storage = openStorage(database.url);
  const { rescued } = await storage.session().rescue();
  await storage.session().close();
  await storage.close();
  return rescued.length;
}

async function runningCount(database: TestDatabase): Promise<number> {
  const [row] = await database.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM millrace.job WHERE state = 1',
  );
  return row?.n ?? 0;
}

/** A job that runs until it is let go, and says what its signal said. */
function gated() {
  const started: string[] = [];
  const aborts: unknown[] = [];
  const gate = Promise.withResolvers<void>();
  const job = defineJob({
    kind: 'gated',
    retry: delays([0]),
    async handler(_, { id, signal }) {
      started.push(id);
      signal.addEventListener('abort', () => aborts.push(signal.reason));
      await gate.promise;
    },
  });
  return { job, started, aborts, letGo: () => gate.resolve() };
}

/** The claim that brings a job with this tag is committed, but its answer is lost, and then its connection. */
const lostTag = 'the answer is lost';

async function loseClaim(
  proxy: FlakyProxy,
  database: TestDatabase,
  running: number,
): Promise<void> {
  await proxy.loseAnswerWith(lostTag);
  await until('the claim is committed', async () => (await runningCount(database)) === running);
  proxy.cut();
}

describe('a claim whose answer is lost', () => {
  it('G1 G2: what it took is given back, and what is in hand goes on under a new identity', async () => {
    const { job, started, aborts, letGo } = gated();
    const { database, proxy, millrace, safe, events } = await setup([job]);
    const worker = millrace.createWorker({ concurrency: 10 });
    await worker.start();
    await safe.enqueue(job);
    await until('one is in hand', () => started.length === 1);

    const lost = loseClaim(proxy, database, 4);
    await safe.enqueueMany(Array.from({ length: 3 }, () => job.with({}, { tags: [lostTag] })));
    await lost;

    await until('it has a new identity', () => events.named('worker:renewed').length > 0);
    // Which of the two it hears of first, the claim or the session, is chance.
    expect(events.named('worker:renewed')[0]).toMatchObject({
      reason: expect.stringMatching(/^(?:unknown_claim|connection_lost)$/) as unknown,
      kept: 1,
      lost: 0,
    });
    expect(events.named('claim:failed')[0]).toMatchObject({ cause: 'connection' });
    expect(await rescue(database)).toBe(3);
    await until('those that were lost run', () => started.length === 4);
    expect(new Set(started).size).toBe(4);
    expect(aborts).toEqual([]);

    letGo();
    const done = async () => (await safe.list({ state: 'completed' })).jobs;
    await until('all are completed', async () => (await done()).length === 4);
    expect((await done()).every(({ attempt }) => attempt === 1)).toBe(true);
    expect(events.named('settle:refused')).toEqual([]);
    await worker.stop();
  });

  it('the old identity can claim nothing any more, even if its claim is still on its way', async () => {
    const job = defineJob({ kind: 'job', async handler() {} });
    const { database, proxy, millrace, safe, events } = await setup([job]);
    const worker = millrace.createWorker();
    await worker.tick();
    const lost = loseClaim(proxy, database, 1);
    await safe.enqueue(job, {}, { tags: [lostTag] });
    await Promise.all([worker.tick(), lost]);
    await until('it has a new identity', () => events.named('worker:renewed').length > 0);
    const from = events.named('worker:renewed')[0]?.from;
    const dead = await database.query('SELECT no, reason FROM millrace.worker_dead');
    expect(dead).toMatchObject([
      { no: from, reason: expect.stringMatching(/^(?:unknown_claim|connection_lost)$/) as unknown },
    ]);
    expect(await database.query('SELECT 1 FROM millrace.worker WHERE no = $1', [from])).toEqual([]);
  });

  it('a renewal whose own answer is lost loses and doubles no job in hand', async () => {
    const { job, started, aborts, letGo } = gated();
    const { database, proxy, millrace, safe, events } = await setup([job]);
    const worker = millrace.createWorker();
    await worker.start();
    await safe.enqueue(job);
    await until('it is in hand', () => started.length === 1);
    const [before] = await database.query<{ lease: string }>('SELECT lease FROM millrace.job');

    // The move to the new identity reaches the server, and nobody hears of it.
    const moved = proxy.loseAnswerTo('transfer').then(async () => {
      await until('it is moved', async () => {
        const [now] = await database.query<{ lease: string }>('SELECT lease FROM millrace.job');
        return now?.lease !== before?.lease;
      });
      proxy.cut();
    });
    const [me] = await database.query<{ no: number }>(
      `SELECT no FROM millrace.worker WHERE role = 'worker'`,
    );
    await database.query('DELETE FROM millrace.worker WHERE no = $1', [me?.no]);
    await moved;

    await until('it has a new identity', () => events.named('worker:renewed').length > 0);
    expect(events.named('worker:renewed')).toMatchObject([
      { reason: 'declared_dead', kept: 1, lost: 0 },
    ]);
    expect(aborts).toEqual([]);
    letGo();
    await until(
      'it is completed',
      async () => (await safe.list({ state: 'completed' })).jobs.length === 1,
    );
    expect(started).toHaveLength(1);
    await worker.stop();
  });
});

describe('a claim whose answer comes late', () => {
  /** A worker whose claims are answered when the test says so; the database is a real one. */
  async function lateWorker(job: AnyJobDefinition) {
    const { database, safe } = await setup([job]);
    const storage = openStorage(database.url);
    const session = storage.session();
    const claimed = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    const { emit, named } = emitted();
    const worker = new JobWorker({
      options: {},
      jobs: [job],
      // Everything as it is, except that the answer of a claim that brought something waits.
      port: new Proxy(session, {
        get(target, name: keyof WorkSession) {
          if (name !== 'claim') return target[name].bind(target);
          return async (request: ClaimRequest) => {
            const taken = await target.claim(request);
            if (taken.jobs.length === 0) return taken;
            claimed.resolve();
            await answer.promise;
            return taken;
          };
        },
      }),
      prepare: () => storage.verify(),
      release: async () => {
        await session.close();
        await storage.close();
      },
      company: new Company(systemClock),
      isolation: { run: () => Promise.reject(new Error('no job of this test is isolated')) },
      clock: systemClock,
      emit,
      random: Math.random,
      process: { boot: randomUUID(), host: 'host', pid: 1, version: '1' },
      enqueue: safe.enqueue,
      enqueueMany: safe.enqueueMany,
      began: () => () => {},
      flags: undefined,
      logFor: () => ({ logger: console, lines: () => null }),
      aroundAttempt: new Instruments(systemClock).aroundAttempt,
      resultMaxBytes: 1_000,
      heartbeatMs: 30,
      backstopMs: 30_000,
      pollMs: 100,
      patienceMs: 100,
    });
    open.push(worker);
    return { database, safe, worker, named, claimed: claimed.promise, answer: answer.resolve };
  }

  it('G2: jobs that were claimed under an identity that is none any more are not started', async () => {
    let runs = 0;
    const job = defineJob({ kind: 'job', handler: async () => void (runs += 1) });
    const { database, safe, worker, named, claimed, answer } = await lateWorker(job);
    const { id } = await safe.enqueue(job);
    const ticked = worker.tick();
    await claimed;
    await database.query('DELETE FROM millrace.worker');
    await until('it has a new identity', () => named('worker:renewed').length === 1);
    answer();
    expect(await ticked).toBe(1);
    expect(runs).toBe(0);
    expect(await safe.get(id)).toMatchObject({ state: 'available', attempt: 0, crashes: 0 });
    expect(await worker.tick()).toBe(1);
    expect(runs).toBe(1);
  });

  it('G22: jobs that it brings to a worker that stops are given back unused', async () => {
    let runs = 0;
    const job = defineJob({ kind: 'job', handler: async () => void (runs += 1) });
    const { safe, worker, claimed, answer } = await lateWorker(job);
    const { id } = await safe.enqueue(job);
    await worker.start();
    await claimed;
    const stopped = worker.stop();
    answer();
    // It had not begun, so nothing is left unfinished.
    expect(await stopped).toEqual({ givenBack: 0 });
    expect(runs).toBe(0);
    expect(await safe.get(id)).toMatchObject({ state: 'available', attempt: 0 });
  });
});

describe('a worker that was taken for dead', () => {
  it('G2: keeps the jobs that nobody has taken yet', async () => {
    const { job, started, aborts, letGo } = gated();
    const { database, millrace, safe, events } = await setup([job]);
    const worker = millrace.createWorker();
    await safe.enqueue(job);
    const ticked = worker.tick();
    await until('it runs', () => started.length === 1);
    await database.query(`DELETE FROM millrace.worker WHERE role = 'worker'`);
    await until('it has a new identity', () => events.named('worker:renewed').length > 0);
    expect(events.named('worker:renewed')).toMatchObject([
      { reason: 'declared_dead', kept: 1, lost: 0 },
    ]);
    letGo();
    await ticked;
    expect(aborts).toEqual([]);
    expect((await safe.list({ state: 'completed' })).jobs).toHaveLength(1);
    expect(await rescue(database)).toBe(0);
  });

  it('G2: is told that it lost the others, and changes nothing about them', async () => {
    const { job, started, aborts, letGo } = gated();
    // The heartbeat comes late, so that the rescue comes first.
    const { database, millrace, safe, events } = await setup([job], { heartbeatMs: 1_500 });
    const worker = millrace.createWorker();
    await safe.enqueue(job);
    const ticked = worker.tick();
    await until('it runs', () => started.length === 1);
    await database.query(`DELETE FROM millrace.worker WHERE role = 'worker'`);
    expect(await rescue(database)).toBe(1);
    const other = safe.createWorker({
      handlers: [defineJob({ kind: 'gated', handler: async () => 'other' })],
    });
    expect(await other.tick()).toBe(1);

    await until('it is told', () => aborts.length === 1);
    expect(aborts).toMatchObject([{ code: 'MILLRACE_LEASE_LOST' }]);
    letGo();
    await ticked;
    await until('it is counted', () => events.named('settle:refused').length === 1);
    expect(events.named('worker:renewed')).toMatchObject([
      { reason: 'declared_dead', kept: 0, lost: 1 },
    ]);
    expect(await safe.get(started[0] ?? '')).toMatchObject({ state: 'completed', result: 'other' });
  });

  it('G2: counts an outcome that comes after the rescue, whoever has the job by then', async () => {
    const { job, started, letGo } = gated();
    const { database, millrace, safe, events } = await setup([job], { heartbeatMs: 3_600_000 });
    const worker = millrace.createWorker();
    const { id } = await safe.enqueue(job);
    const ticked = worker.tick();
    await until('it runs', () => started.length === 1);
    await database.query(`DELETE FROM millrace.worker WHERE role = 'worker'`);
    expect(await rescue(database)).toBe(1);
    letGo();
    expect(await ticked).toBe(1);
    await until('it is counted', () => events.named('settle:refused').length === 1);
    expect(await safe.get(id)).toMatchObject({ state: 'available', attempt: 0, crashes: 0 });
  });

  it('claims again under its new identity', async () => {
    const job = defineJob({ kind: 'job', async handler() {} });
    const { database, millrace, safe } = await setup([job], { heartbeatMs: 3_600_000 });
    const worker = millrace.createWorker();
    await worker.tick();
    await database.query(`
      WITH gone AS (DELETE FROM millrace.worker WHERE role = 'worker' RETURNING no)
      INSERT INTO millrace.worker_dead (no, died_at, reason) SELECT no, now(), 'test' FROM gone`);
    await safe.enqueue(job);
    expect(await worker.tick()).toBe(0);
    expect(await worker.tick()).toBe(1);
  });
});

describe('a database that is away', () => {
  it('G6: a finished handler is settled when it is back, and the handler does not run again', async () => {
    const { job, started, letGo } = gated();
    const { proxy, millrace, safe, events } = await setup([job]);
    const worker = millrace.createWorker();
    await worker.start();
    await safe.enqueue(job);
    await until('it runs', () => started.length === 1);
    proxy.block();
    letGo();
    await until('it is tried', () => events.named('settle:retried').length > 1);
    await until('claims fail as well', () => events.named('claim:failed').length > 0);
    proxy.restore();
    await until(
      'it is settled',
      async () => (await safe.list({ state: 'completed' })).jobs.length === 1,
    );
    expect(started).toHaveLength(1);
    expect(events.named('settle:refused')).toEqual([]);
    await safe.enqueue(job);
    await until('the worker goes on', () => started.length === 2);
    await worker.stop();
  });

  it('G6: an outcome whose answer was lost is not written twice, and not counted as refused', async () => {
    const job = defineJob({ kind: 'job', async handler() {} });
    const { proxy, millrace, safe, events } = await setup([job]);
    const worker = millrace.createWorker();
    await worker.tick();
    const { id } = await safe.enqueue(job);
    const cut = proxy.loseAnswerTo('settle').then(async () => {
      await until('it is written', async () => (await safe.get(id))?.state === 'completed');
      proxy.cut();
    });
    await Promise.all([worker.tick(), cut]);
    expect(await safe.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
    expect(events.named('settle:retried')).toHaveLength(1);
    expect(events.named('settle:refused')).toEqual([]);
  });

  it('G7: a row that somebody holds delays its own outcome only', async () => {
    const job = defineJob({ kind: 'job', async handler() {} });
    const { database, millrace, safe } = await setup([job]);
    const answers = await safe.enqueueMany(Array.from({ length: 20 }, () => job.with({})));
    const held = answers[7]?.id;
    const holder = await database.pool().connect();
    const gate = Promise.withResolvers<void>();
    const slow = millrace.createWorker({
      concurrency: 20,
      handlers: [defineJob({ kind: 'job', handler: () => gate.promise })],
    });
    const ticked = slow.tick();
    await until('all run', async () => (await runningCount(database)) === 20);
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM millrace.job WHERE id = $1 FOR UPDATE', [held]);
    gate.resolve();
    await until(
      'the others are done',
      async () => (await safe.list({ state: 'completed' })).jobs.length === 19,
    );
    expect(await safe.get(held ?? '')).toMatchObject({ state: 'running' });
    await holder.query('ROLLBACK');
    holder.release();
    expect(await ticked).toBe(20);
    expect(await safe.get(held ?? '')).toMatchObject({ state: 'completed' });
  });
});
