import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { defineJob } from 'millrace';
import { defaultTuning } from '../../packages/millrace/src/core/tuning.ts';
import { namesOf } from '../../packages/millrace/src/storage/names.ts';
import { createTestMillrace } from '../helpers/millrace.ts';
import { recordEvents } from '../helpers/recorded.ts';
import { claim, identity, newJob, openStorage } from '../helpers/storage.ts';
import { until } from '../helpers/until.ts';

/** Jobs of kind `quick` end at once, those of kind `long` when they are let go. */
async function app() {
  const began: string[] = [];
  const letGo = Promise.withResolvers<void>();
  const note = (id: string) => void began.push(id);
  const quick = defineJob({ kind: 'quick', handler: async (_, { id }) => note(id) });
  const long = defineJob({
    kind: 'long',
    async handler(_, { id }) {
      note(id);
      await letGo.promise;
    },
  });
  // The times are the real ones: what is not told of lies up to half a minute away.
  const made = await createTestMillrace({ jobs: [quick, long], tuning: defaultTuning });
  onTestFinished(() => made[Symbol.asyncDispose]());
  onTestFinished(() => letGo.resolve());
  const events = recordEvents(made.millrace);
  const hasBegun = (id: string) => until(`job ${id} begins`, () => began.includes(id), 1);
  const waits = (does = true) =>
    until(`the worker ${does ? 'waits' : 'does not wait'}`, async () => {
      const locks = await made.database.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted
            AND classid = millrace.waiting_class()::oid AND objid = hashtext('default')::oid
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return locks.length > 0 === does;
    });
  return { ...made, quick, long, letGo: letGo.resolve, events, hasBegun, waits };
}

async function listen(url: string): Promise<{ readonly heard: string[]; stop(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url });
  const heard: string[] = [];
  client.on('notification', ({ payload }) => heard.push(payload ?? ''));
  await client.connect();
  await client.query(`LISTEN ${namesOf('millrace').channel}`);
  return { heard, stop: () => client.end() };
}

/** A worker that waited, was told of a long job, and has no slot left; and somebody who hears all that is told. */
async function busyApp() {
  const made = await app();
  const listener = await listen(made.database.url);
  onTestFinished(() => listener.stop());
  const worker = made.millrace.createWorker({ concurrency: 1 });
  await worker.start();
  await made.waits();
  const { id } = await made.millrace.enqueue(made.long);
  await made.hasBegun(id);
  await made.waits(false);
  return { ...made, listener };
}

describe('a worker that waits', () => {
  it('B1: finds a job whose transaction saw nobody wait and commits after the worker went idle', async () => {
    const { millrace, quick, long, letGo, events, hasBegun } = await app();
    const worker = millrace.createWorker({ concurrency: 1 });
    await worker.start();
    const { id: before } = await millrace.enqueue(long);
    await hasBegun(before);

    let id = '';
    let idleMs = 0;
    let committedMs = 0;
    await millrace.transaction(async (tx) => {
      // Its only slot is taken, so nobody waits and nobody is told.
      ({ id } = await millrace.enqueue(quick, undefined, { tx }));
      const empty = events.named('claim:empty').length;
      const sinceMs = performance.now();
      letGo();
      await until('it is idle', () => events.named('claim:empty').length > empty + 2, 1);
      idleMs = performance.now() - sinceMs;
      committedMs = performance.now();
    });
    await hasBegun(id);
    const tookMs = performance.now() - committedMs;
    console.log(
      `B1: idle for ${Math.round(idleMs)} ms, then found ${Math.round(tookMs)} ms after the commit`,
    );
    expect(tookMs).toBeLessThan(3 * (idleMs * 2.5 + 50));
  });

  it('B2: is told of a job although another one that waited for the same queue has work now', async () => {
    const { millrace, quick, long, letGo, hasBegun } = await app();
    await using one = millrace.createWorker({ concurrency: 1 });
    await using other = millrace.createWorker({ concurrency: 1 });
    await Promise.all([one.start(), other.start()]);
    for (const work of [long, quick, quick]) {
      const { id } = await millrace.enqueue(work);
      const sinceMs = performance.now();
      await hasBegun(id);
      expect(performance.now() - sinceMs).toBeLessThan(3_000);
    }
    letGo();
  });

  it('costs those who enqueue a notification, and one that has all it can do costs none', async () => {
    const { millrace, database, quick, letGo, hasBegun, listener } = await busyApp();
    await millrace.enqueueMany(Array.from({ length: 20 }, () => quick.with()));
    const probe = await millrace.enqueue(quick);
    letGo();
    await hasBegun(probe.id);
    await database.query(`SELECT pg_notify('${namesOf('millrace').channel}', 'end')`);
    await until('all was heard', () => listener.heard.includes('end'));
    expect(listener.heard).toEqual([expect.stringMatching(/^lane 0 \d+ 0 default$/), 'end']);
  });

  it('B8: G19: 64 who enqueue at the same time take none of each other for a worker that waits', async () => {
    const { database, quick, letGo, listener } = await busyApp();
    const pool = database.pool({ max: 16 });
    const job = JSON.stringify([{ ...newJobRecord, kind: quick.kind }]);
    const enqueue = () => pool.query('SELECT * FROM millrace.enqueue_jobs($1::json)', [job]);
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        for (let each = 0; each < 30; each++) await enqueue();
      }),
    );
    await database.query(`SELECT pg_notify('${namesOf('millrace').channel}', 'end')`);
    await until('all was heard', () => listener.heard.includes('end'));
    // The first told of the long job.
    expect(listener.heard).toHaveLength(2);
    letGo();
  });

  it('C1: costs the same however often it went idle under an old snapshot', async () => {
    const { database, millrace, quick } = await app();
    await millrace.enqueue(quick);
    const reader = new pg.Client({ connectionString: database.url });
    await reader.connect();
    onTestFinished(() => reader.end());
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await reader.query('SELECT count(*) FROM millrace.job');
    const storage = openStorage(database.url);
    onTestFinished(() => storage.close());
    const session = storage.session();
    await session.register(identity(1));
    const cycles = async () => {
      const sinceMs = performance.now();
      for (let each = 0; each < 500; each++) {
        await session.wait(1, ['default']);
        await session.endWait(1);
      }
      return performance.now() - sinceMs;
    };
    await cycles();
    const first = await cycles();
    for (let each = 0; each < 4; each++) await cycles();
    const last = await cycles();
    console.log(`C1: 500 times idle: ${Math.round(first)} ms first, ${Math.round(last)} ms last`);
    expect(last).toBeLessThan(3 * first + 100);
  });
});

const newJobRecord = { queue: 'default', priority: 0, max_attempts: 3, payload: {} };

describe('a notification', () => {
  it('B3: leads to the place of a job that was committed late, and to a lane that was not met before', async () => {
    await using made = await createTestMillrace({ jobs: [] });
    const { database } = made;
    const storage = openStorage(database.url);
    onTestFinished(() => storage.close());
    const session = storage.session();
    await session.register(identity(1));
    let notices = 0;
    let isReady = false;
    const listening = session.listen(
      () => (notices += 1),
      (state) => (isReady = state === 'ready'),
    );
    onTestFinished(() => listening.stop());
    await until('it listens', () => isReady);
    await session.wait(1, ['default']);
    const onward = { everywhere: 'no' } as const;
    await storage.enqueue([newJob()]);
    expect(await claim(session, 1, 1)).toHaveLength(1);

    await storage.transaction('read committed', async (tx) => {
      const on = storage.executorOf(tx);
      await storage.enqueue([newJob(), newJob({ priority: 9 })], on);
      // Others come and go, and the cursor is beyond the place of these two.
      const age = 'SELECT clock_timestamp() - transaction_timestamp() > $1::interval AS old';
      await until('they are old', async () => {
        const { rows } = await on.query(age, ['300 milliseconds']);
        return rows[0]?.['old'] === true;
      });
      await storage.enqueue([newJob()]);
      expect(await claim(session, 1, 2, onward)).toHaveLength(1);
      expect(await claim(session, 1, 3, onward)).toHaveLength(0);
      notices = 0;
    });
    await until('it hears', () => notices === 2);
    const found = await claim(session, 1, 4, onward);
    expect(found.map(({ priority }) => priority)).toEqual([9, 0]);
  });

  it('B4: leads to a job that a worker gives back, which keeps its place before all that is younger', async () => {
    await using made = await createTestMillrace({ jobs: [] });
    const storage = openStorage(made.database.url);
    onTestFinished(() => storage.close());
    const session = storage.session();
    await session.register(identity(1));
    const [old, ...young] = await storage.enqueue([newJob(), newJob(), newJob()]);
    const [taken] = await claim(session, 1, 1, { limit: 1 });
    expect(taken?.id).toBe(old?.id);
    await session.settle([
      { id: taken?.id ?? '', lease: taken?.lease ?? '', settlement: { type: 'giveBack' } },
    ]);
    const again = await claim(session, 1, 2, { everywhere: 'no' });
    expect(again.map(({ id }) => id)).toEqual([old, ...young].map((job) => job?.id));
  });
});

describe('a claim that brings fewer jobs than there are', () => {
  it('B6: is repeated soon, so that a row that somebody held starts when it is free', async () => {
    const { millrace, database, quick, events, hasBegun } = await app();
    const { id } = await millrace.enqueue(quick);
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    onTestFinished(() => holder.end());
    await holder.query('BEGIN');
    await holder.query('SELECT FROM millrace.job WHERE id = $1 FOR UPDATE', [id]);
    await using worker = millrace.createWorker();
    await worker.start();
    await until('it found nothing', () => events.named('claim:empty').length > 4);
    await holder.query('COMMIT');
    const sinceMs = performance.now();
    await hasBegun(id);
    expect(performance.now() - sinceMs).toBeLessThan(3_000);
  });
});
