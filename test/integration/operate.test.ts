import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineJob, type JobState, type Millrace } from 'millrace';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { openStorage, identity, claim, completed, leaseOf } from '../helpers/storage.ts';

const job = defineJob({ kind: 'test', maxAttempts: 3 });
const me = 5_000;

let app: TestMillrace;
let millrace: Millrace;
let storage: ReturnType<typeof openStorage>;
let claims = 0;

beforeAll(async () => {
  app = await createTestMillrace({ jobs: [job] });
  millrace = app.millrace;
  storage = openStorage(app.database.url);
  await storage.session().register(identity(me));
});

afterAll(async () => {
  await storage.close();
  await app[Symbol.asyncDispose]();
});

/** A job in a given state, brought there the way jobs get there. */
async function jobIn(state: JobState): Promise<string> {
  const delay = state === 'scheduled' ? '1h' : 0;
  claims += 1;
  const queue = `of its own ${claims}`;
  const { id } = await millrace.enqueue(job, {}, { delay, queue });
  if (state === 'scheduled' || state === 'available') return id;
  if (state === 'cancelled') {
    await millrace.cancel(id);
    return id;
  }
  await claim(storage.session(), me, claims, { queues: [{ queue, limit: 1 }] });
  const settle = (
    settlement: Parameters<ReturnType<typeof storage.session>['settle']>[0][number]['settlement'],
  ) => storage.session().settle([{ id, lease: leaseOf(me, claims), settlement }]);
  const error = { name: 'Error', message: 'broken' };
  if (state === 'completed') await settle(completed);
  if (state === 'discarded') {
    await settle({ type: 'finish', state, result: null, reason: 'hopeless', error, keep: true });
  }
  if (state === 'retryable') {
    await settle({
      type: 'wait',
      delay: { ms: 3_600_000, from: 'now' },
      attemptCounts: true,
      error,
    });
  }
  expect(await millrace.get(id)).toMatchObject({ state });
  return id;
}

describe('cancel', () => {
  it.each([
    ['scheduled', { status: 'cancelled', state: 'cancelled' }, 'cancelled'],
    ['available', { status: 'cancelled', state: 'cancelled' }, 'cancelled'],
    ['retryable', { status: 'cancelled', state: 'cancelled' }, 'cancelled'],
    ['running', { status: 'requested', state: 'running' }, 'running'],
    ['completed', { status: 'finished', state: 'completed' }, 'completed'],
    ['cancelled', { status: 'finished', state: 'cancelled' }, 'cancelled'],
    ['discarded', { status: 'finished', state: 'discarded' }, 'discarded'],
  ] as const)('of a %s job does what the lifecycle says', async (state, answer, after) => {
    const id = await jobIn(state);
    expect(await millrace.cancel(id, { reason: 'test' })).toEqual(answer);
    expect(await millrace.get(id)).toMatchObject({
      state: after,
      cancelRequested: state === 'running',
    });
  });

  it('of a job that does not exist says so, whatever the id looks like', async () => {
    for (const id of ['4711', '', 'abc', '-1', '9'.repeat(30), "1'; DROP TABLE millrace.job; --"]) {
      expect(await millrace.cancel(id)).toEqual({ status: 'missing' });
      expect(await millrace.retry(id)).toEqual({ status: 'missing' });
      expect(await millrace.get(id)).toBeNull();
    }
  });

  it('rolls back with the transaction it was asked in', async () => {
    const id = await jobIn('available');
    await millrace
      .transaction(async (tx) => {
        expect(await millrace.cancel(id, { tx })).toMatchObject({ status: 'cancelled' });
        throw new Error('undo');
      })
      .catch(() => {});
    expect(await millrace.get(id)).toMatchObject({ state: 'available' });
  });
});

describe('retry', () => {
  it.each([
    ['scheduled', { status: 'available', from: 'scheduled' }],
    ['available', { status: 'available', from: 'available' }],
    ['retryable', { status: 'available', from: 'retryable' }],
    ['running', { status: 'running' }],
    ['completed', { status: 'available', from: 'completed' }],
    ['cancelled', { status: 'available', from: 'cancelled' }],
    ['discarded', { status: 'available', from: 'discarded' }],
  ] as const)('of a %s job does what the lifecycle says', async (state, answer) => {
    const id = await jobIn(state);
    expect(await millrace.retry(id)).toEqual(answer);
    expect(await millrace.get(id)).toMatchObject({
      state: state === 'running' ? 'running' : 'available',
    });
  });

  it('brings a finished job back with its id, its attempts, and at least one more to use', async () => {
    const id = await jobIn('discarded');
    const before = await millrace.get(id);
    expect(before).toMatchObject({ attempt: 1, reason: 'hopeless' });
    await app.database.query('UPDATE millrace.job_history SET max_attempts = 1 WHERE id = $1', [
      id,
    ]);
    await millrace.retry(id);
    expect(await millrace.get(id)).toMatchObject({
      id,
      attempt: 1,
      maxAttempts: 2,
      finishedAt: null,
      attempts: before?.attempts ?? [],
    });
    expect(
      await app.database.query('SELECT FROM millrace.job_history WHERE id = $1', [id]),
    ).toEqual([]);
  });

  it('asked for twice at once makes one job', async () => {
    for (let round = 0; round < 10; round++) {
      const id = await jobIn('completed');
      const answers = await Promise.all(Array.from({ length: 8 }, () => millrace.retry(id)));
      expect(
        answers.filter((answer) => 'from' in answer && answer.from === 'completed'),
      ).toHaveLength(1);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['available']));
      expect(
        await app.database.query('SELECT FROM millrace.jobs WHERE id = $1', [id]),
      ).toHaveLength(1);
    }
  });

  it('is refused while another unfinished job has its unique key, and loses nothing', async () => {
    const { id } = await millrace.enqueue(job, {}, { uniqueKey: 'one' });
    await millrace.cancel(id);
    await millrace.enqueue(job, {}, { uniqueKey: 'one' });
    await expect(millrace.retry(id)).rejects.toMatchObject({ code: 'MILLRACE_UNIQUE_CONFLICT' });
    expect(await millrace.get(id)).toMatchObject({ state: 'cancelled' });
  });
});

describe('list', () => {
  it('pages through unfinished and finished jobs, each once, the newest first', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await millrace.list({ limit: 7, ...(cursor !== undefined && { cursor }) });
      seen.push(...page.jobs.map(({ id }) => id));
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
    const all = await app.database.query<{ id: string }>(
      'SELECT id FROM millrace.jobs ORDER BY id DESC',
    );
    expect(seen).toEqual(all.map(({ id }) => id));
  });

  it('filters by several states at once', async () => {
    const { jobs } = await millrace.list({ state: ['completed', 'discarded'], limit: 1_000 });
    expect(new Set(jobs.map(({ state }) => state))).toEqual(new Set(['completed', 'discarded']));
    await expect(millrace.list({ state: 'done' as never })).rejects.toMatchObject({
      code: 'MILLRACE_OPTION_INVALID',
    });
  });
});
