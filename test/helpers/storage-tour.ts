import { expect } from 'vitest';
import type { Settlement } from '../../packages/millrace/src/core/lifecycle.ts';
import type { Sighting } from '../../packages/millrace/src/core/storage.ts';
import type { JobCommand } from '../../packages/millrace/src/core/operator/job-verbs.ts';
import type { PgStorage } from '../../packages/millrace/src/storage/pg-storage.ts';
import { claim, completed, identity, leaseOf, nextDueMs, newJob, wholePage } from './storage.ts';

const error = { name: 'Error', message: 'test' };
const failed: Settlement = {
  type: 'wait',
  delay: { ms: 3_600_000, from: 'now' },
  attemptCounts: true,
  error,
};
const discarded: Settlement = {
  ...completed,
  state: 'discarded',
  reason: 'test',
  error,
};

/** Calls everything that the storage can do, and expects what it does everywhere. The database holds no job before. */
export async function expectWorkingStorage(
  storage: PgStorage,
  mode: Sighting['mode'] = 'session',
): Promise<void> {
  await storage.verify();
  expect(await storage.pendingMigrations()).toEqual([]);
  await enqueueAndOperate(storage);
  await operateByTheHundred(storage);
  await runAndSettle(storage);
  await die(storage, mode);
  await fireSchedules(storage);
  const session = storage.session();
  // The schema may have been made before midnight.
  await session.createPartitions();
  expect(await session.createPartitions()).toEqual([]);
  expect(await session.dropPartitions({ completedMs: 0, failedMs: 0 })).toEqual([]);
}

async function enqueueAndOperate(storage: PgStorage): Promise<void> {
  const uniqueKey = 'key';
  const [plain, first, second] = await storage.enqueue([
    newJob({ delayMs: 3_600_000, meta: { tags: ['a'] } }),
    newJob({ uniqueKey }),
    newJob({ uniqueKey }),
  ]);
  expect([first, second]).toEqual([
    { status: 'created', id: first?.id, notified: null },
    { status: 'deduplicated', id: first?.id, notified: null },
  ]);
  const id = plain?.id ?? '';
  expect(await storage.get(id, 25)).toMatchObject({ id, state: 'scheduled', tags: ['a'] });
  expect(await storage.retry(id)).toEqual({ status: 'available', from: 'scheduled' });
  expect((await storage.finder.find({ states: ['available'] }, wholePage(10))).jobs).toHaveLength(
    2,
  );
  for (const each of [id, first?.id ?? '']) {
    expect(await storage.cancel(each, 'test')).toEqual({ status: 'cancelled', state: 'cancelled' });
  }
  expect(await storage.retry(id)).toEqual({ status: 'available', from: 'cancelled' });
  expect(await storage.cancel(id, 'test')).toMatchObject({ status: 'cancelled' });
  const undone = storage.transaction('repeatable read', async (tx) => {
    await storage.enqueue([newJob(), newJob({ uniqueKey })], storage.executorOf(tx));
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  expect((await storage.finder.find({ states: ['available'] }, wholePage(10))).jobs).toEqual([]);
}

async function operateByTheHundred(storage: PgStorage): Promise<void> {
  const { finder, operator } = storage;
  const made = await storage.enqueue(
    Array.from({ length: 3 }, () => newJob({ payload: { deep: [1, 2] }, meta: { tags: ['b'] } })),
  );
  const ids = made.map(({ id }) => id);
  const edit = {
    verb: 'edit',
    payload: { deep: [3] },
    payloadVersion: 1,
    priority: 1,
    queue: 'q',
  } as const;
  const statuses = async (command: JobCommand) =>
    (await operator.act(command, ids)).map(({ status }) => status);
  const done = ['done', 'done', 'done'];
  expect(await statuses(edit)).toEqual(done);
  expect(await statuses({ verb: 'reschedule', at: null, delayMs: 60_000 })).toEqual(done);
  const filter = { tag: 'b', payload: { deep: [3] }, olderThan: 0, states: ['scheduled'] } as const;
  expect((await finder.findNames(filter, wholePage(10))).jobs.map(({ id }) => id)).toEqual(
    ids.toReversed(),
  );
  expect(await statuses({ verb: 'discard', reason: 'why' })).toEqual(done);
  const finished = await finder.find({ finishedSince: 60_000, queue: 'q' }, wholePage(10));
  expect(finished.jobs.map(({ reason }) => reason)).toEqual(['why', 'why', 'why']);
  expect(await statuses({ verb: 'retry' })).toEqual(done);
  expect(await statuses({ verb: 'cancel', reason: 'why' })).toEqual(done);
  expect(await statuses({ verb: 'delete' })).toEqual(done);
  expect(await finder.namesOf(ids)).toEqual([]);
}

async function runAndSettle(storage: PgStorage): Promise<void> {
  const session = storage.session();
  const no = 1_001;
  expect(await session.register(identity(no))).toBe(true);
  expect(await session.beat(no, null)).toBe(true);
  const ids = (await storage.enqueue(Array.from({ length: 5 }, () => newJob()))).map(
    ({ id }) => id,
  );
  expect(await nextDueMs(session, no, 9)).toBeNull();
  const jobs = await claim(session, no, 1);
  expect(jobs.map(({ id }) => id)).toEqual(ids);
  expect(await session.holds(jobs)).toEqual(ids);

  const [, , , cancelledId = '', transactionalId = ''] = ids;
  expect(await storage.cancel(cancelledId, 'why')).toEqual({
    status: 'requested',
    state: 'running',
  });
  expect(await session.cancelRequests(ids)).toEqual([{ id: cancelledId, reason: 'why' }]);

  const own = await session.begin('read committed');
  const lease = leaseOf(no, 1);
  await storage.enqueue([newJob({ delayMs: 3_600_000 })], storage.executorOf(own.tx));
  expect(
    await own.settleAndCommit({ id: transactionalId, lease, settlement: completed }),
  ).toMatchObject({ status: 'written', state: 'completed' });

  const settlements = [completed, discarded, failed, { type: 'giveBack' } as const];
  const answers = await session.settle(
    settlements.map((settlement, index) => ({ id: ids[index] ?? '', lease, settlement })),
  );
  expect(answers.map((answer) => ('state' in answer ? answer.state : answer.status))).toEqual([
    'completed',
    'discarded',
    'retryable',
    'cancelled',
  ]);
  expect((await storage.get(ids[1] ?? '', 25))?.attempts).toMatchObject([
    { ending: 'discarded', error },
  ]);
  expect(await nextDueMs(session, no, 9)).toBeGreaterThan(0);
  expect(await session.settle([{ id: ids[0] ?? '', lease, settlement: completed }])).toEqual([
    { id: ids[0], status: 'already' },
  ]);
  for (const { id } of (
    await storage.finder.find({ states: ['retryable', 'scheduled'] }, wholePage(10))
  ).jobs) {
    expect(await storage.cancel(id, 'test')).toMatchObject({ status: 'cancelled' });
  }
  await session.unregister(no);
}

/** A worker moves to another identity, and dies under that. */
async function die(storage: PgStorage, mode: Sighting['mode']): Promise<void> {
  const session = storage.session();
  const [from, to] = [2_001, 2_002];
  const [job] = await storage.enqueue([newJob()]);
  const id = job?.id ?? '';
  await session.register(identity(from));
  const held = await claim(session, from, 1);
  await session.register(identity(to));
  expect(await session.transfer({ held, lease: leaseOf(to, 1), from, reason: 'test' })).toEqual([
    id,
  ]);
  // Its lock is gone with it.
  await expect(
    session.claim({
      worker: from,
      lease: leaseOf(from, 2),
      kinds: ['test'],
      queues: [{ queue: 'default', limit: 1 }],
      limit: 1,
      everywhere: 'no',
      completed: [],
    }),
  ).rejects.toMatchObject({ code: 'MILLRACE_DB_UNREACHABLE' });
  const { sightings } = await session.look();
  expect(sightings).toMatchObject([{ no: to, mode, locked: mode === 'session' }]);
  const silent = sightings.map(({ no, beat }) => ({ no, beat, crashed: false }));
  expect(await session.declareDead(silent)).toEqual([to]);
  expect(await session.rescue()).toMatchObject({ rescued: [{ id, state: 'available' }], busy: 0 });
  expect(await storage.cancel(id, 'test')).toMatchObject({ status: 'cancelled' });
}

async function fireSchedules(storage: PgStorage): Promise<void> {
  const session = storage.session();
  const schedule = { name: 'tour', kind: 'test', spec: 'every 1000ms' };
  const scheduler = identity(3_001, { role: 'scheduler', schedules: ['tour every 1000ms'] });
  expect(await session.adoptSchedules(scheduler, [{ ...schedule, runOnStart: true }], true)).toBe(
    true,
  );
  const [stored] = await session.readSchedules(['tour']);
  const fireMs = stored?.anchorMs ?? 0;
  expect(stored).toEqual({
    ...schedule,
    anchorMs: fireMs,
    lastFireMs: fireMs - 1,
    nowMs: stored?.nowMs,
    paused: false,
  });
  const fire = { name: 'tour', spec: schedule.spec, fireMs, job: newJob() };
  const id = (await session.fire(fire)) ?? '';
  expect(await session.fire(fire)).toBeNull();
  await session.letGo('tour', schedule.spec, fireMs + 5_000);
  expect(await session.readSchedules(['tour'])).toMatchObject([{ lastFireMs: fireMs + 5_000 }]);
  expect(await storage.cancel(id, 'test')).toMatchObject({ status: 'cancelled' });
  await session.unregister(scheduler.no);
}
