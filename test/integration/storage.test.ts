import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PgStorage } from '../../packages/millrace/src/storage/pg-storage.ts';
import type { ClaimedJob } from '../../packages/millrace/src/core/job.ts';
import type { WorkSession } from '../../packages/millrace/src/core/storage.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import {
  claim,
  completed,
  identity,
  leaseOf,
  newJob,
  nextDueMs,
  openStorage,
} from '../helpers/storage.ts';

let database: TestDatabase;
let storage: PgStorage;
let session: WorkSession;
const me = 1_000;

beforeAll(async () => {
  database = await createTestDatabase();
  storage = openStorage(database.url);
  session = storage.session();
  await session.register(identity(me));
});

afterAll(async () => {
  await storage.close();
  await database.drop();
});

beforeEach(async () => {
  await database.query(
    'TRUNCATE millrace.job, millrace.job_history, millrace.job_attempt, millrace.cancel_request',
  );
});

/** A transaction of somebody else that holds the row of a job. */
async function hold(id: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM millrace.job WHERE id = $1 FOR UPDATE', [id]);
  return async () => {
    await client.query('ROLLBACK');
    await client.end();
  };
}

describe('claiming', () => {
  it('W3: takes jobs by priority, higher first, then by due time, then by id', async () => {
    const past = (seconds: number) => new Date(Date.now() - seconds * 1_000);
    const ids = await storage.enqueue([
      newJob({ priority: 0 }),
      newJob({ priority: -1, scheduledAt: past(100) }),
      newJob({ priority: 7, delayMs: 3_600_000 }),
      newJob({ priority: 7 }),
      newJob({ priority: 0 }),
    ]);
    const jobs = await claim(session, me, 1);
    expect(jobs.map(({ id }) => id)).toEqual([3, 0, 4, 1].map((index) => ids[index]?.id));
  });

  it('W3: an older due time comes first within a priority, also when it was enqueued later', async () => {
    const due = (ms: number) => newJob({ scheduledAt: new Date(soonMs + ms) });
    const soonMs = Date.now() + 1_500;
    const [late] = await storage.enqueue([due(20)]);
    const [early] = await storage.enqueue([due(0)]);
    await expect.poll(() => nextDueMs(session, me, 9)).toBeNull();
    expect((await claim(session, me, 1)).map(({ id }) => id)).toEqual([early?.id, late?.id]);
  });

  it('W6: raises the attempt when the job is taken, and the lease is the number of the claim', async () => {
    await storage.enqueue([newJob()]);
    const [job] = await claim(session, me, 42);
    expect(job).toMatchObject({ attempt: 1, lease: leaseOf(me, 42) });
  });

  it('W27: leaves a kind it does not know, and takes what lies behind it', async () => {
    const [, known] = await storage.enqueue([newJob({ kind: 'unknown', priority: 9 }), newJob()]);
    expect((await claim(session, me, 1)).map(({ id }) => id)).toEqual([known?.id]);
  });

  it('keeps to the limit of each queue and of the whole', async () => {
    await storage.enqueue(['a', 'a', 'a', 'b', 'b', 'b'].map((queue) => newJob({ queue })));
    const queues = [
      { queue: 'a', limit: 2 },
      { queue: 'b', limit: 3 },
    ];
    const jobs = await claim(session, me, 1, { queues, limit: 4 });
    expect(jobs.map(({ queue }) => queue).toSorted()).toEqual(['a', 'a', 'b', 'b']);
  });

  it('passes over a row that somebody holds, without waiting', async () => {
    const [held, free] = await storage.enqueue([newJob(), newJob()]);
    const release = await hold(held?.id ?? '');
    expect((await claim(session, me, 1)).map(({ id }) => id)).toEqual([free?.id]);
    await release();
    expect((await claim(session, me, 2)).map(({ id }) => id)).toEqual([held?.id]);
  });

  it('A2: takes nothing for an incarnation that was declared dead', async () => {
    const other = identity(2_000);
    await session.register(other);
    const judge = openStorage(database.url);
    await judge
      .session()
      .transfer({ held: [], lease: leaseOf(me, 1), from: other.no, reason: 'test' });
    await judge.close();
    await storage.enqueue([newJob()]);
    const answer = await session.claim({
      worker: other.no,
      lease: leaseOf(other.no, 1),
      kinds: ['test'],
      queues: [{ queue: 'default', limit: 1 }],
      limit: 1,
      everywhere: 'no',
      completed: [],
    });
    expect(answer).toMatchObject({ dead: true, jobs: [], dueInMs: null, unwritten: [] });
    expect(await session.register(other)).toBe(false);
  });

  it('is a HOT update: a drain without retries moves no index entry', async () => {
    await using own = await createTestDatabase();
    const fresh = openStorage(own.url);
    await fresh.session().register(identity(me));
    await fresh.enqueue(
      Array.from({ length: 500 }, () => newJob({ payload: { text: 'x'.repeat(100) } })),
    );
    for (let count = 1; ; count++) {
      const jobs = await claim(fresh.session(), me, count, { limit: 50 });
      if (jobs.length === 0) break;
      await fresh
        .session()
        .settle(jobs.map(({ id, lease }) => ({ id, lease, settlement: completed })));
    }
    // A backend publishes its statistics at the latest when it ends.
    await fresh.close();
    const updates = async () =>
      (
        await own.query<{ all: string; hot: string }>(
          `SELECT n_tup_upd AS all, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relid = 'millrace.job'::regclass`,
        )
      )[0];
    await expect.poll(updates).toEqual({ all: '500', hot: '500' });
  });
});

describe('settling', () => {
  it('A5: a row held by somebody else is answered as busy at once and holds back no other', async () => {
    await storage.enqueue(Array.from({ length: 20 }, () => newJob()));
    const jobs = await claim(session, me, 1);
    const release = await hold(jobs[7]?.id ?? '');
    const answers = await session.settle(
      jobs.map(({ id, lease }) => ({ id, lease, settlement: completed })),
    );
    expect(answers.filter(({ status }) => status === 'written')).toHaveLength(19);
    expect(answers.find(({ id }) => id === jobs[7]?.id)).toEqual({
      id: jobs[7]?.id,
      status: 'busy',
    });
    await release();
  });

  it('G2: writes nothing under a lease that is no longer the job’s', async () => {
    await storage.enqueue([newJob()]);
    const [job] = await claim(session, me, 1);
    const request = { id: job?.id ?? '', lease: leaseOf(me, 2), settlement: completed };
    expect(await session.settle([request])).toEqual([{ id: job?.id, status: 'lost' }]);
    expect(await storage.get(job?.id ?? '', 1)).toMatchObject({ state: 'running' });
  });

  it('W10: a delay from the due time counts from the last due time, however late the attempt was', async () => {
    const due = new Date(Date.now() - 100_000);
    await storage.enqueue([newJob({ scheduledAt: due, maxAttempts: 5 })]);
    const steps = [30_000, 60_000, 120_000];
    let expected = due.getTime();
    for (const [index, ms] of steps.entries()) {
      await database.query('UPDATE millrace.job SET run_at = millrace.now()');
      const [job] = await claim(session, me, index + 1);
      const settlement = {
        type: 'wait' as const,
        delay: { ms, from: 'due' as const },
        attemptCounts: true,
        error: { name: 'Error', message: 'x' },
      };
      await session.settle([{ id: job?.id ?? '', lease: job?.lease ?? '', settlement }]);
      expected += ms;
      expect((await storage.get(job?.id ?? '', 1))?.scheduledAt.getTime()).toBe(expected);
    }
  });

  it('G9: snoozing and giving back use no attempt, and giving back keeps the place in the queue', async () => {
    await storage.enqueue([newJob(), newJob(), newJob()]);
    const before = await database.query('SELECT id, run_at::text FROM millrace.job ORDER BY id');
    const jobs = await claim(session, me, 1);
    const snoozed = {
      type: 'wait' as const,
      delay: { ms: 60_000, from: 'now' as const },
      attemptCounts: false,
      error: null,
    };
    const answers = await session.settle(
      jobs.map(({ id, lease }, index) => ({
        id,
        lease,
        settlement: index === 2 ? snoozed : ({ type: 'giveBack' } as const),
      })),
    );
    expect(answers).toMatchObject([
      { state: 'available' },
      { state: 'available' },
      { state: 'scheduled' },
    ]);
    const after = await database.query<{ attempt: number }>(
      'SELECT id, run_at::text FROM millrace.job ORDER BY id',
    );
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(await database.query('SELECT DISTINCT attempt FROM millrace.job')).toEqual([
      { attempt: 0 },
    ]);
  });

  it('every attempt of a job is told the very same time of its enqueueing, to the microsecond', async () => {
    for (let i = 0; i < 30; i++) await storage.enqueue([newJob()]);
    const times = (jobs: readonly ClaimedJob[]) =>
      Object.fromEntries(jobs.map(({ id, createdMs }) => [id, createdMs]));
    const first = await claim(session, me, 1);
    const again = {
      type: 'wait' as const,
      delay: { ms: 0, from: 'now' as const },
      attemptCounts: true,
      error: null,
    };
    await session.settle(first.map(({ id, lease }) => ({ id, lease, settlement: again })));
    const second = await claim(session, me, 2);
    expect(second).toHaveLength(30);
    expect(times(second)).toEqual(times(first));
    const rows = await database.query<{ id: string; us: string }>(
      `SELECT id, (extract(epoch FROM created_at) * 1000000)::bigint::text AS us FROM millrace.job`,
    );
    expect(times(second)).toEqual(
      Object.fromEntries(rows.map(({ id, us }) => [id, Number(us) / 1_000])),
    );
  });

  it('C8: a job that was to run again is cancelled when somebody asked for it', async () => {
    await storage.enqueue([newJob()]);
    const [job] = await claim(session, me, 1);
    const id = job?.id ?? '';
    expect(await storage.cancel(id, 'no longer wanted')).toEqual({
      status: 'requested',
      state: 'running',
    });
    expect(await session.cancelRequests([id])).toEqual([{ id, reason: 'no longer wanted' }]);
    const answers = await session.settle([
      { id, lease: job?.lease ?? '', settlement: { type: 'giveBack' } },
    ]);
    expect(answers).toEqual([{ id, status: 'written', state: 'cancelled' }]);
    expect(await storage.get(id, 1)).toMatchObject({
      state: 'cancelled',
      reason: 'no longer wanted',
    });
    expect(await session.cancelRequests([id])).toEqual([]);
  });

  it('C8: a request to cancel that is committed after the job has ended does not cancel it when it is brought back', async () => {
    await storage.enqueue([newJob()]);
    const [job] = await claim(session, me, 1);
    const id = job?.id ?? '';
    await storage.transaction('read committed', async (tx) => {
      const executor = storage.executorOf(tx);
      expect(await storage.cancel(id, 'too late', executor)).toMatchObject({ status: 'requested' });
      await session.settle([{ id, lease: job?.lease ?? '', settlement: completed }]);
    });
    expect(await session.cancelRequests([id])).toHaveLength(1);
    expect(await storage.retry(id)).toMatchObject({ status: 'available' });
    expect(await session.cancelRequests([id])).toEqual([]);
    const [again] = await claim(session, me, 2);
    const giveBack = { id, lease: again?.lease ?? '', settlement: { type: 'giveBack' } } as const;
    expect(await session.settle([giveBack])).toMatchObject([{ state: 'available' }]);
  });

  it('makes the missing partition when a settlement fits none, and loses nothing', async () => {
    await storage.enqueue([newJob()]);
    const [job] = await claim(session, me, 1);
    const partitions = await database.query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE c.relname ~ '_[0-9]{8}$'`,
    );
    for (const { name } of partitions) await database.query(`DROP TABLE millrace.${name}`);
    const answers = await session.settle([
      { id: job?.id ?? '', lease: job?.lease ?? '', settlement: completed },
    ]);
    expect(answers).toMatchObject([{ status: 'written', state: 'completed' }]);
  });
});

describe('rescue', () => {
  it('G3: gives back what an unregistered incarnation runs: same place, attempt not counted, crash recorded', async () => {
    await storage.enqueue([newJob(), newJob()]);
    const dead = identity(3_000, { host: 'gone', pid: 77 });
    const doomed = openStorage(database.url);
    await doomed.session().register(dead);
    const before = await database.query('SELECT id, run_at::text FROM millrace.job ORDER BY id');
    const jobs = await claim(doomed.session(), dead.no, 1);
    expect((await session.rescue()).rescued).toEqual([]);
    const { no } = dead;
    const { sightings } = await session.look();
    const { beat = '' } = sightings.find((one) => one.no === no) ?? {};
    expect(sightings.find((one) => one.no === no)).toMatchObject({ mode: 'session', locked: true });
    expect(await session.declareDead([{ no, beat: '99', crashed: false }])).toEqual([]);
    // Whoever lives keeps its lock from being taken, and nobody can say that it has crashed.
    expect(await session.declareDead([{ no, beat, crashed: true }])).toEqual([]);
    await doomed.close();
    expect(await session.declareDead([{ no, beat, crashed: true }])).toEqual([no]);
    const { rescued } = await session.rescue();
    expect(rescued.map(({ id, attempt, state }) => ({ id, attempt, state }))).toEqual(
      jobs.map(({ id }) => ({ id, attempt: 0, state: 'available' })),
    );
    expect(await database.query('SELECT id, run_at::text FROM millrace.job ORDER BY id')).toEqual(
      before,
    );
    expect(await storage.get(jobs[0]?.id ?? '', 5)).toMatchObject({
      crashes: 1,
      attempt: 0,
      attempts: [{ attempt: 1, ending: 'crashed', worker: 'gone:77' }],
    });
  });

  it('G7: a row held by an open transaction delays only its own rescue', async () => {
    await storage.enqueue([newJob(), newJob()]);
    const dead = identity(3_001);
    await session.register(dead);
    const jobs = await claim(session, dead.no, 1);
    await session.unregister(dead.no);
    const release = await hold(jobs[0]?.id ?? '');
    const first = await session.rescue();
    expect(first).toMatchObject({ rescued: [{ id: jobs[1]?.id }], busy: 1 });
    await release();
    expect(await session.rescue()).toMatchObject({ rescued: [{ id: jobs[0]?.id }], busy: 0 });
  });

  it('A1: a transfer moves what is in hand to the new lease; the rest is rescued', async () => {
    await storage.enqueue([newJob(), newJob(), newJob()]);
    const old = identity(3_002);
    const renewed = identity(3_003);
    await session.register(old);
    const jobs = await claim(session, old.no, 1);
    await session.register(renewed);
    const kept = jobs.slice(0, 2).map(({ id, lease }) => ({ id, lease }));
    const moved = await session.transfer({
      held: kept,
      lease: leaseOf(renewed.no, 1),
      from: old.no,
      reason: 'unknown_claim',
    });
    expect(moved.toSorted()).toEqual(kept.map(({ id }) => id).toSorted());
    expect(await session.holds(kept)).toEqual([]);
    expect((await session.rescue()).rescued.map(({ id }) => id)).toEqual([jobs[2]?.id]);
    expect(
      await session.holds(kept.map(({ id }) => ({ id, lease: leaseOf(renewed.no, 1) }))),
    ).toHaveLength(2);
    expect(await session.beat(old.no, null)).toBe(false);
  });

  it('C8: G9: a job of a dead worker that was to be cancelled is cancelled, and the attempt does not count', async () => {
    await storage.enqueue([newJob()]);
    const dead = identity(3_004);
    await session.register(dead);
    const [job] = await claim(session, dead.no, 1);
    await storage.cancel(job?.id ?? '', 'stop it');
    await session.unregister(dead.no);
    const ended = { state: 'cancelled', attempt: 0 };
    expect((await session.rescue()).rescued).toMatchObject([{ id: job?.id, ...ended }]);
    expect(await storage.get(job?.id ?? '', 1)).toMatchObject({
      ...ended,
      reason: 'stop it',
    });
  });
});
