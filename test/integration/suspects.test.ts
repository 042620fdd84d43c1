import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NewJob } from '../../packages/millrace/src/core/storage.ts';
import type { PgStorage } from '../../packages/millrace/src/storage/pg-storage.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { claim, identity, leaseOf, newJob, nextDueMs, openStorage } from '../helpers/storage.ts';

let database: TestDatabase;
let storage: PgStorage;
let no = 8_000;

beforeAll(async () => {
  database = await createTestDatabase();
  storage = openStorage(database.url);
});

afterAll(async () => {
  await storage.close();
  await database.drop();
});

/** How a worker ends: whether somebody saw it, and which of its jobs it said ran alone. */
interface Death {
  readonly crashed?: boolean;
  readonly alone?: 'the job' | 'another' | 'none';
}

/** A job that a worker has claimed which has said what runs alone there. */
async function claimed(crashes: number, alone: Death['alone'], rest: Partial<NewJob> = {}) {
  no += 1;
  const worker = openStorage(database.url);
  await worker.session().register(identity(no, { host: 'gone', pid: no }));
  const [made] = await storage.enqueue([newJob({ queue: `queue ${no}`, ...rest })]);
  const id = made?.id ?? '';
  await database.query('UPDATE millrace.job SET crashes = $2 WHERE id = $1', [id, crashes]);
  const queues = [{ queue: rest.queue ?? `queue ${no}`, limit: 1 }];
  expect((await claim(worker.session(), no, 1, { queues })).map((job) => job.id)).toEqual([id]);
  const said = { 'the job': id, another: '1', none: null } as const;
  expect(await worker.session().beat(no, said[alone ?? 'none'])).toBe(true);
  return { id, worker, no };
}

/** The worker ends, and what it had is rescued by somebody who knows that its process has ended. */
async function die(of: Awaited<ReturnType<typeof claimed>>, crashed = true) {
  await loseSession(of, crashed);
  const { rescued } = await storage.session().rescue({ ended: [of.no], living: [] });
  return { rescued: rescued.find((job) => job.id === of.id), job: await storage.get(of.id, 25) };
}

/** Its worker is declared dead. */
async function loseSession(
  { worker, no: dead }: Awaited<ReturnType<typeof claimed>>,
  crashed = true,
) {
  await worker.close();
  const { sightings } = await storage.session().look();
  const found = sightings.filter((one) => one.no === dead);
  await storage.session().declareDead(found.map(({ beat }) => ({ no: dead, beat, crashed })));
}

describe('A8: the death of a process', () => {
  const cases: readonly (readonly [before: number, death: Death, after: number])[] = [
    [0, { alone: 'none' }, 1],
    [1, { alone: 'none' }, 2],
    [0, { alone: 'another' }, 1],
    [1, { alone: 'another' }, 2],
    [2, { alone: 'none' }, 2],
    [2, { alone: 'another' }, 2],
    [0, { crashed: false }, 0],
    [1, { crashed: false }, 1],
    [2, { crashed: false, alone: 'the job' }, 2],
    // Counted by the release before, whoever else was there.
    [7, { alone: 'none' }, 7],
  ];

  it.each(cases)('leaves a job with %i crashes, when %o, with %i', async (before, death, after) => {
    const { rescued, job } = await die(await claimed(before, death.alone), death.crashed);
    expect(rescued).toMatchObject({ state: 'available', attempt: 0 });
    expect(job).toMatchObject({ state: 'available', attempt: 0, crashes: after });
    expect(job?.attempts).toMatchObject([{ attempt: 1, ending: 'crashed', error: null }]);
  });

  it('that a suspect was alone in quarantines it: it keeps its row, says why, and frees its unique key', async () => {
    const unique = { queue: 'unique', uniqueKey: 'one' };
    const held = await claimed(2, 'the job', unique);
    const { rescued, job } = await die(held);
    expect(rescued).toMatchObject({ id: held.id, state: 'discarded', attempt: 0 });
    expect(job).toMatchObject({
      state: 'discarded',
      attempt: 0,
      crashes: 3,
      reason: 'it ended its process 3 times, the last time while it ran alone',
      attempts: [
        {
          attempt: 1,
          ending: 'crashed',
          worker: `gone:${held.no}`,
          error: { name: 'MillraceError', code: 'MILLRACE_JOB_QUARANTINED' },
        },
      ],
    });
    const [other] = await storage.enqueue([newJob(unique)]);
    expect(other).toMatchObject({ status: 'created' });
    await storage.cancel(other?.id ?? '', 'test');

    // By hand, it starts again from nothing.
    expect(await storage.retry(held.id)).toEqual({ status: 'available', from: 'discarded' });
    expect(await storage.get(held.id, 25)).toMatchObject({
      state: 'available',
      attempt: 0,
      crashes: 0,
      maxAttempts: 3,
    });
  });

  it('that would quarantine a job lets it wait until its process is known to have ended or to live', async () => {
    const [boot, held] = [randomUUID(), await claimed(2, 'the job')];
    await database.query('UPDATE millrace.worker SET boot = $2 WHERE no = $1', [held.no, boot]);
    const session = storage.session();
    await loseSession(held);
    const doubted = { rescued: [], busy: 0, doubted: [{ no: held.no, boot }] };
    expect(await session.rescue()).toEqual(doubted);
    expect(await session.rescue({ ended: [1], living: [2] })).toEqual(doubted);
    expect(await storage.get(held.id, 25)).toMatchObject({ state: 'running', crashes: 2 });

    const { rescued } = await session.rescue({ ended: [], living: [held.no] });
    expect(rescued).toMatchObject([{ id: held.id, state: 'available', attempt: 0 }]);
    expect(await storage.get(held.id, 25)).toMatchObject({ state: 'available', crashes: 2 });
  });

  it('quarantines nothing that somebody asked to cancel', async () => {
    const held = await claimed(2, 'the job');
    await storage.cancel(held.id, 'not wanted');
    const { rescued, job } = await die(held);
    expect(rescued).toMatchObject({ state: 'cancelled', attempt: 0 });
    expect(job).toMatchObject({ state: 'cancelled', reason: 'not wanted', attempt: 0, crashes: 3 });
    expect(job?.attempts).toMatchObject([{ ending: 'crashed', error: null }]);
  });
});

describe('A8: that a job runs alone', () => {
  it('is known of a worker only as long as it says so', async () => {
    const held = await claimed(2, 'the job');
    expect(await held.worker.session().beat(held.no, null)).toBe(true);
    expect((await die(held)).job).toMatchObject({ state: 'available', crashes: 2 });
  });

  it('is not known of a worker that moved to another identity without saying so again', async () => {
    const held = await claimed(2, 'the job');
    const to = (no += 1);
    const session = held.worker.session();
    await session.register(identity(to));
    const lease = leaseOf(to, 1);
    const moves = { held: [{ id: held.id, lease: leaseOf(held.no, 1) }], lease };
    expect(await session.transfer({ ...moves, from: held.no, reason: 'test' })).toEqual([held.id]);
    expect((await die({ ...held, no: to })).job).toMatchObject({ state: 'available', crashes: 2 });
  });
});

it('A8: a job that is put off keeps its due time, and is not claimed before the delay is over', async () => {
  const held = await claimed(2, 'none');
  const before = await storage.get(held.id, 1);
  const lease = leaseOf(held.no, 1);
  const put = { id: held.id, lease, settlement: { type: 'giveBack', delayMs: 3_600_000 } } as const;
  const session = held.worker.session();
  expect(await session.settle([put])).toEqual([
    { id: held.id, status: 'written', state: 'scheduled' },
  ]);
  const queue = before?.queue ?? '';
  expect(await claim(session, held.no, 2, { queues: [{ queue, limit: 1 }] })).toEqual([]);
  expect(await nextDueMs(session, held.no, 3, queue)).toBeGreaterThan(3_500_000);
  expect(await storage.get(held.id, 1)).toMatchObject({
    state: 'scheduled',
    attempt: 0,
    scheduledAt: before?.scheduledAt,
    attempts: [],
  });
  await held.worker.close();
});
