import { afterEach, describe, expect, it } from 'vitest';
import { defineJob, delays, snooze, type AnyJobDefinition } from 'millrace';
import type { Tuning } from '../../packages/millrace/src/core/tuning.ts';
import { startFlakyProxy } from '../helpers/flaky-proxy.ts';
import { createTestMillrace } from '../helpers/millrace.ts';
import { recordEvents } from '../helpers/recorded.ts';
import { openStorage } from '../helpers/storage.ts';
import { until } from '../helpers/until.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

/** An application with one table of its own, `account (id, balance)`, that holds the account 1 with the balance 0. */
async function app(jobs: readonly AnyJobDefinition[], tuning: Partial<Tuning> = {}) {
  const made = await createTestMillrace({ jobs, tuning });
  open.push(made);
  await made.database.query(
    'CREATE TABLE public.account (id int PRIMARY KEY, balance int NOT NULL)',
  );
  await made.database.query('INSERT INTO public.account VALUES (1, 0)');
  const balance = async () => {
    const [row] = await made.database.query<{ balance: number }>(
      'SELECT balance FROM public.account',
    );
    return row?.balance;
  };
  return { ...made, balance, events: recordEvents(made.millrace) };
}

const deposit = 'UPDATE public.account SET balance = balance + 1 WHERE id = 1';

describe('a transactional handler', () => {
  it('its writes, its follow-up jobs and its completion commit together', async () => {
    const inside: unknown[] = [];
    const next = defineJob({ kind: 'next', async handler() {} });
    const job = defineJob({
      kind: 'job',
      transaction: true,
      async handler(_, { tx, enqueue, enqueueMany, id }) {
        await tx.query(deposit);
        await enqueue(next);
        await enqueueMany([next.with(), next.with()]);
        // From outside nothing of it is to be seen yet.
        inside.push(await made.balance(), (await made.millrace.list({ kind: 'next' })).jobs.length);
        inside.push((await made.millrace.get(id))?.state);
        return 'done';
      },
    });
    const made = await app([job, next]);
    const { id } = await made.millrace.enqueue(job);
    expect(await made.millrace.createWorker({ concurrency: 1 }).tick()).toBe(1);
    expect(inside).toEqual([0, 0, 'running']);
    expect(await made.balance()).toBe(1);
    expect((await made.millrace.list({ kind: 'next' })).jobs).toHaveLength(3);
    expect(await made.millrace.get(id)).toMatchObject({
      state: 'completed',
      result: 'done',
      attempt: 1,
    });
  });

  it('what it throws undoes everything, and fails the attempt', async () => {
    const next = defineJob({ kind: 'next', async handler() {} });
    const job = defineJob({
      kind: 'job',
      transaction: true,
      async handler(_, { tx, enqueue, enqueueMany }) {
        await tx.query(deposit);
        await enqueue(next);
        await enqueueMany([next.with()]);
        throw new Error('too late');
      },
    });
    const { millrace, balance } = await app([job, next]);
    const { id } = await millrace.enqueue(job);
    await millrace.createWorker().tick();
    expect(await balance()).toBe(0);
    expect((await millrace.list({ kind: 'next' })).jobs).toEqual([]);
    expect(await millrace.get(id)).toMatchObject({
      state: 'retryable',
      attempt: 1,
      attempts: [{ error: { message: 'too late' } }],
    });
  });

  it('only a completion commits: a snooze undoes everything too, and uses no attempt', async () => {
    const job = defineJob({
      kind: 'job',
      transaction: true,
      async handler(_, { tx }) {
        await tx.query(deposit);
        return snooze('1h');
      },
    });
    const { millrace, balance } = await app([job]);
    const { id } = await millrace.enqueue(job);
    await millrace.createWorker().tick();
    expect(await balance()).toBe(0);
    expect(await millrace.get(id)).toMatchObject({ state: 'scheduled', attempt: 0 });
  });

  it('an error of the database at the commit fails the attempt, which is not repeated', async () => {
    let runs = 0;
    const job = defineJob({
      kind: 'job',
      transaction: true,
      async handler(_, { tx }) {
        runs += 1;
        await tx.query(deposit);
        await tx.query('INSERT INTO public.strict VALUES (1), (1)');
      },
    });
    const { millrace, database, balance } = await app([job]);
    await database.query('CREATE TABLE public.strict (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)');
    const { id } = await millrace.enqueue(job);
    await millrace.createWorker().tick();
    expect(runs).toBe(1);
    expect(await balance()).toBe(0);
    expect(await millrace.get(id)).toMatchObject({
      state: 'retryable',
      attempts: [{ error: { code: '23505' } }],
    });
  });

  it('a statement that fails and is ignored fails the attempt, and commits nothing', async () => {
    const job = defineJob({
      kind: 'job',
      transaction: true,
      async handler(_, { tx }) {
        await tx.query(deposit);
        await tx.query('SELECT 1 / 0').catch(() => {});
      },
    });
    const { millrace, balance } = await app([job]);
    const { id } = await millrace.enqueue(job);
    await millrace.createWorker().tick();
    expect(await balance()).toBe(0);
    expect(await millrace.get(id)).toMatchObject({ state: 'retryable', attempt: 1 });
  });
});

describe('a transaction that PostgreSQL cannot serialize', () => {
  it('C2: G9: runs again on a fresh snapshot, within the same attempt', async () => {
    let runs = 0;
    const job = defineJob({
      kind: 'job',
      transaction: { isolation: 'repeatable read' },
      async handler(_, { tx }) {
        runs += 1;
        await tx.query('SELECT balance FROM public.account');
        if (runs <= 2) await made.database.query(deposit);
        await tx.query(deposit);
      },
    });
    const made = await app([job]);
    const { id } = await made.millrace.enqueue(job);
    await made.millrace.createWorker().tick();
    expect(runs).toBe(3);
    expect(await made.balance()).toBe(3);
    expect(await made.millrace.get(id)).toMatchObject({
      state: 'completed',
      attempt: 1,
      attempts: [],
    });
    await until('it is reported once', () => made.events.named('attempt:finished').length === 1);
  });

  it('C2: also when only its commit fails', async () => {
    let runs = 0;
    const job = defineJob({
      kind: 'job',
      transaction: { isolation: 'serializable' },
      async handler(_, { tx }) {
        runs += 1;
        await tx.query('SELECT sum(balance) FROM public.account');
        await tx.query('INSERT INTO public.account VALUES ($1, 1)', [10 * runs]);
        if (runs > 1) return;
        // Another transaction that reads what this one writes, and writes what it has read.
        const other = await made.database.pool().connect();
        await other.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
        await other.query('SELECT sum(balance) FROM public.account');
        await other.query('INSERT INTO public.account VALUES (2, 1)');
        await other.query('COMMIT');
        other.release();
      },
    });
    const made = await app([job]);
    const { id } = await made.millrace.enqueue(job);
    await made.millrace.createWorker().tick();
    expect(runs).toBe(2);
    expect(await made.database.query('SELECT id FROM public.account ORDER BY id')).toEqual([
      { id: 1 },
      { id: 2 },
      { id: 20 },
    ]);
    expect(await made.millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
  });

  it('C2: runs ten times at most; then the attempt has failed', async () => {
    let runs = 0;
    const job = defineJob({
      kind: 'job',
      transaction: { isolation: 'repeatable read' },
      async handler(_, { tx }) {
        runs += 1;
        await tx.query('SELECT balance FROM public.account');
        await made.database.query(deposit);
        await tx.query(deposit);
      },
    });
    const made = await app([job]);
    const { id } = await made.millrace.enqueue(job);
    await made.millrace.createWorker().tick();
    expect(runs).toBe(10);
    expect(await made.balance()).toBe(10);
    expect(await made.millrace.get(id)).toMatchObject({
      state: 'retryable',
      attempt: 1,
      attempts: [{ error: { code: '40001' } }],
    });
  });

  it('C2: a renewal of the lease in its midst is such a case, and undoes nothing for good', async () => {
    let runs = 0;
    const job = defineJob({
      kind: 'job',
      transaction: { isolation: 'repeatable read' },
      async handler(_, { tx }) {
        runs += 1;
        await tx.query(deposit);
        if (runs > 1) return;
        await made.database.query(
          `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN millrace.worker w ON w.no = l.objid::bigint
            WHERE l.locktype = 'advisory' AND l.classid::bigint = millrace.liveness_class()`,
        );
        await until('the lease is renewed', () => made.events.named('worker:renewed').length === 1);
      },
    });
    const neverDead = { freeForMs: 3_600_000, silentForMs: 3_600_000 };
    const made = await app([job], neverDead);
    const { id } = await made.millrace.enqueue(job);
    await made.millrace.createWorker().tick();
    expect(made.events.named('worker:renewed')).toMatchObject([{ kept: 1, lost: 0 }]);
    expect(runs).toBe(2);
    expect(await made.balance()).toBe(1);
    expect(await made.millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
  });
});

describe('a transactional handler that lost its lease', () => {
  it('G2: writes nothing, and does not run again here', async () => {
    let runs = 0;
    const job = defineJob({
      kind: 'job',
      transaction: true,
      retry: delays(['1h']),
      async handler(_, { tx }) {
        runs += 1;
        await tx.query(deposit);
        // Declared dead and rescued before the worker hears of it.
        const storage = openStorage(made.database.url);
        await made.database.query(`DELETE FROM millrace.worker WHERE role = 'worker'`);
        await storage.session().rescue();
        await storage.session().close();
        await storage.close();
      },
    });
    const made = await app([job], { heartbeatMs: 3_600_000 });
    const { id } = await made.millrace.enqueue(job);
    const worker = made.millrace.createWorker();
    expect(await worker.tick()).toBe(1);
    expect(runs).toBe(1);
    expect(await made.balance()).toBe(0);
    expect(await made.millrace.get(id)).toMatchObject({ state: 'available', attempt: 0 });
    await until('it is counted', () => made.events.named('settle:refused').length === 1);
  });
});

describe('a commit whose answer is lost', () => {
  it.each([
    ['after it was carried out', 'COMMIT', 1],
    ['before it was asked for', 'account SET balance', 2],
  ])('has its effects exactly once: %s', async (_when, text, expectedRuns) => {
    let runs = 0;
    const job = defineJob({
      kind: 'job',
      transaction: true,
      retry: delays([0]),
      async handler(_, { tx }) {
        runs += 1;
        if (runs === 1) lost = proxy.loseAnswerTo(text);
        await tx.query(deposit);
      },
    });
    let lost = Promise.resolve();
    const made = await app([job]);
    await using proxy = await startFlakyProxy(made.database.url);
    await using faulty = await createTestMillrace({ jobs: [job], connection: proxy.url });
    const events = recordEvents(faulty.millrace);
    const worker = faulty.millrace.createWorker();
    await worker.tick();
    const { id } = await made.millrace.enqueue(job);
    const ticked = worker.tick();
    await until('the handler runs', () => runs === 1);
    await lost;
    if (expectedRuns === 1)
      await until('it is committed', async () => (await made.balance()) === 1);
    proxy.cut();
    expect(await ticked).toBe(1);
    while ((await made.millrace.get(id))?.state !== 'completed') await worker.tick();
    expect(runs).toBe(expectedRuns);
    expect(await made.balance()).toBe(1);
    expect(events.named('settle:refused')).toEqual([]);
  });
});

it('G23: a worker opens one connection for each transactional handler under way, beside its own', async () => {
  let now = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const job = defineJob({
    kind: 'job',
    transaction: true,
    async handler(_, { tx }) {
      await tx.query('SELECT 1');
      now += 1;
      if (now === 4) {
        const [row] = await made.database.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'millrace'`,
        );
        most = row?.n ?? 0;
        gate.resolve();
      }
      await gate.promise;
    },
  });
  const made = await app([job]);
  await made.millrace.enqueueMany(Array.from({ length: 4 }, () => job.with({})));
  const worker = made.millrace.createWorker();
  await worker.start();
  await until(
    'all are done',
    async () => (await made.millrace.list({ state: 'completed' })).jobs.length === 4,
  );
  expect(most).toBeGreaterThanOrEqual(4);
  // Beside the session, the listener, the pool, and now and then one for what may take long.
  expect(most).toBeLessThanOrEqual(4 + 4);
  await worker.stop();
});
