/** What operators do to jobs, one by one and by the hundred: each verb in each state, beside others, and where rows are held. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, type JobState, type Millrace, type VerbAnswer } from 'millrace';
import { jobStates } from '../../packages/millrace/src/core/job.ts';
import { jobVerbs, type JobVerb } from '../../packages/millrace/src/core/operator/job-verbs.ts';
import type { BulkOptions } from '../../packages/millrace/src/core/operator/options.ts';
import { foretell } from '../../packages/millrace/src/operate/commands.ts';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { claim, completed, identity, leaseOf, openStorage } from '../helpers/storage.ts';

const job = defineJob({ kind: 'test', maxAttempts: 3 });
const typed = defineJob({ kind: 'typed', payload: z.object({ n: z.number() }) });
const me = 6_000;

let app: TestMillrace;
let millrace: Millrace;
let storage: ReturnType<typeof openStorage>;
let other: pg.Client;
let claims = 0;

beforeAll(async () => {
  app = await createTestMillrace({ jobs: [job, typed] });
  millrace = app.millrace;
  storage = openStorage(app.database.url);
  await storage.session().register(identity(me));
  other = new pg.Client({ connectionString: app.database.url });
  await other.connect();
});

afterAll(async () => {
  await other.end();
  await storage.close();
  await app[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await app.database.query(
    'TRUNCATE millrace.job, millrace.job_history, millrace.job_attempt, millrace.cancel_request',
  );
});

/** A job in a given state, brought there the way jobs get there. */
async function jobIn(state: JobState, uniqueKey?: string): Promise<string> {
  const delay = state === 'scheduled' ? '1h' : 0;
  claims += 1;
  const queue = `of its own ${claims}`;
  const { id } = await millrace.enqueue(job, {}, { delay, queue, ...(uniqueKey && { uniqueKey }) });
  if (state === 'scheduled' || state === 'available') return id;
  if (state === 'cancelled') {
    await millrace.cancel(id);
    return id;
  }
  await claim(storage.session(), me, claims, { queues: [{ queue, limit: 1 }] });
  const error = { name: 'Error', message: 'broken' };
  const settlement = {
    completed,
    discarded: {
      type: 'finish',
      state: 'discarded',
      result: null,
      reason: 'hopeless',
      error,
      keep: true,
    },
    retryable: { type: 'wait', delay: { ms: 3_600_000, from: 'now' }, attemptCounts: true, error },
    running: undefined,
  } as const;
  const wanted = settlement[state];
  if (wanted !== undefined) {
    await storage.session().settle([{ id, lease: leaseOf(me, claims), settlement: wanted }]);
  }
  expect(await millrace.get(id)).toMatchObject({ state });
  return id;
}

const optionsOf: Readonly<Record<JobVerb, BulkOptions>> = {
  retry: {},
  cancel: { reason: 'not wanted' },
  discard: { reason: 'hopeless' },
  reschedule: { delay: '2h' },
  edit: { priority: 3, moveTo: 'elsewhere' },
  delete: {},
};

/** Does it to these and answers what became of each. */
async function act(
  verb: JobVerb,
  ids: readonly string[],
  options: BulkOptions = optionsOf[verb],
): Promise<ReadonlyMap<string, VerbAnswer>> {
  const answers = new Map<string, VerbAnswer>();
  await millrace.bulk(
    verb,
    { ids },
    {
      ...options,
      onProgress: (progress) => {
        for (const { id, answer } of progress.answers) answers.set(id, answer);
      },
    },
  );
  return answers;
}

const after: Readonly<Record<JobVerb, Partial<Record<JobState, JobState | null>>>> = {
  retry: Object.fromEntries(
    jobStates.filter((state) => state !== 'running').map((state) => [state, 'available']),
  ),
  cancel: { scheduled: 'cancelled', available: 'cancelled', retryable: 'cancelled' },
  discard: { scheduled: 'discarded', available: 'discarded', retryable: 'discarded' },
  reschedule: { scheduled: 'scheduled', available: 'scheduled', retryable: 'retryable' },
  edit: { scheduled: 'scheduled', available: 'available', retryable: 'retryable' },
  delete: Object.fromEntries(
    jobStates.filter((state) => state !== 'running').map((state) => [state, null]),
  ),
};

describe.each(jobVerbs)('%s', (verb) => {
  it('does in every state what the lifecycle says, and a dry run foretells it', async () => {
    const jobs = await Promise.all(
      jobStates.map(async (state) => ({ state, id: await jobIn(state) })),
    );
    const ids = jobs.map(({ id }) => id);
    const foretold = await act(verb, ids, { ...optionsOf[verb], dryRun: true });
    for (const { id, state } of jobs) expect(await millrace.get(id)).toMatchObject({ state });
    const done = await act(verb, ids);
    for (const { id, state } of jobs) {
      const answer = done.get(id);
      const expected = foretell(verb, state);
      expect([state, foretold.get(id)]).toEqual([state, expected]);
      const changes = after[verb][state];
      expect([state, answer]).toEqual([
        state,
        expected.status === 'done' ? { ...expected, state: changes } : expected,
      ]);
      const left = await millrace.get(id);
      expect([state, left?.state ?? null]).toEqual([
        state,
        changes === undefined ? state : changes,
      ]);
    }
  });

  it('says of a job that does not exist that it is missing, whatever its id looks like', async () => {
    const strange = ['4711', 'abc', '-1', '9'.repeat(30), "1'; DROP TABLE millrace.job; --"];
    const answers = await act(verb, strange);
    expect([...answers.values()]).toEqual(strange.map(() => ({ status: 'missing' })));
  });

  it('waits for nobody: a row that somebody holds is busy, and the others are done', async () => {
    const [held, free] = [await jobIn('available'), await jobIn('available')];
    await other.query('BEGIN');
    await other.query('SELECT FROM millrace.job WHERE id = $1 FOR UPDATE', [held]);
    const startedMs = performance.now();
    const answers = await act(verb, [held, free]);
    expect(performance.now() - startedMs).toBeLessThan(900);
    await other.query('ROLLBACK');
    expect(answers.get(held)).toEqual({ status: 'busy' });
    expect(answers.get(free)).toMatchObject({ status: 'done' });
    expect(await millrace.get(held)).toMatchObject({ state: 'available', priority: 0 });
  });
});

describe('one at a time', () => {
  it('discard, reschedule, edit and delete answer what became of the job, and leave what was asked', async () => {
    const ids = await Promise.all(Array.from({ length: 4 }, () => jobIn('available')));
    const [first = '', second = '', third = '', fourth = ''] = ids;
    expect(await millrace.discard(first, { reason: 'no use' })).toEqual({
      status: 'done',
      from: 'available',
      state: 'discarded',
    });
    expect(await millrace.get(first)).toMatchObject({ state: 'discarded', reason: 'no use' });
    const at = new Date(Date.now() + 3_600_000);
    expect(await millrace.reschedule(second, { scheduledAt: at })).toMatchObject({
      state: 'scheduled',
    });
    expect(await millrace.get(second)).toMatchObject({ scheduledAt: at });
    expect(
      await millrace.edit(third, { priority: -3, queue: 'elsewhere', payload: {} }),
    ).toMatchObject({ status: 'done' });
    expect(await millrace.get(third)).toMatchObject({ priority: -3, queue: 'elsewhere' });
    expect(await millrace.delete(fourth)).toEqual({
      status: 'done',
      from: 'available',
      state: null,
    });
    expect(await millrace.get(fourth)).toBeNull();
  });

  it('a verb in a transaction of yours is undone with it', async () => {
    const id = await jobIn('available');
    const undone = millrace.transaction(async (tx) => {
      expect(await millrace.delete(id, { tx })).toMatchObject({ status: 'done' });
      throw new Error('undo');
    });
    await expect(undone).rejects.toThrow('undo');
    expect(await millrace.get(id)).toMatchObject({ state: 'available' });
  });

  it('delete leaves no attempt, no request to cancel and no progress behind', async () => {
    const id = await jobIn('discarded');
    expect((await millrace.get(id))?.attempts).toHaveLength(1);
    await app.database.query(
      `INSERT INTO millrace.job_progress (job_id, attempt, percent, reported_at) VALUES ($1, 1, 50, now())`,
      [id],
    );
    await millrace.delete(id);
    for (const table of ['job_attempt', 'job_progress', 'cancel_request'])
      expect(await app.database.query(`SELECT FROM millrace.${table}`)).toEqual([]);
  });

  it('edit judges a payload by the definition of the job, and takes any JSON for a kind that nobody knows here', async () => {
    const { id } = await millrace.enqueue(typed, { n: 1 });
    await expect(millrace.edit(id, { payload: { n: 'no' } })).rejects.toThrow(/payload.n/);
    await millrace.edit(id, { payload: { n: 2 } });
    expect(await millrace.get(id)).toMatchObject({ payload: { n: 2 } });
    await app.database.query(`UPDATE millrace.job SET kind = 'unknown' WHERE id = $1`, [id]);
    await millrace.edit(id, { payload: [1, 'x'] });
    expect(await millrace.get(id)).toMatchObject({ payload: [1, 'x'] });
  });
});

it('edit of many judges the payload by their kind, and refuses one for several kinds', async () => {
  const made = await millrace.enqueueMany([typed.with({ n: 1 }), typed.with({ n: 2 })]);
  const ids = made.map(({ id }) => id);
  await expect(act('edit', ids, { payload: { n: 'no' } })).rejects.toThrow(/payload.n/);
  await act('edit', ids, { payload: { n: 7 } });
  expect(await millrace.get(ids[1] ?? '')).toMatchObject({ payload: { n: 7 } });
  const mixed = [...ids, await jobIn('available')];
  await expect(act('edit', mixed, { payload: { n: 7 } })).rejects.toThrow(
    /typed, test|test, typed/,
  );
});

describe('unique keys', () => {
  it('a finished job whose key another has taken stays finished, and the others come back', async () => {
    const old = await jobIn('cancelled', 'taken');
    const rest = await Promise.all(Array.from({ length: 5 }, () => jobIn('cancelled')));
    const queue = (await millrace.get(old))?.queue ?? '';
    await millrace.enqueue(job, {}, { queue, uniqueKey: 'taken' });
    const answers = await act('retry', [...rest.slice(0, 2), old, ...rest.slice(2)]);
    expect(answers.get(old)).toEqual({ status: 'conflict' });
    for (const id of rest) expect(answers.get(id)).toMatchObject({ status: 'done' });
    expect(await millrace.get(old)).toMatchObject({ state: 'cancelled' });
  });

  it('a job does not move into a queue where its key is taken', async () => {
    const [mover, free] = [await jobIn('available', 'same'), await jobIn('available')];
    await millrace.enqueue(job, {}, { queue: 'elsewhere', uniqueKey: 'same' });
    const answers = await act('edit', [mover, free], { moveTo: 'elsewhere' });
    expect(answers.get(mover)).toEqual({ status: 'conflict' });
    expect(answers.get(free)).toMatchObject({ status: 'done' });
  });

  it('a key that an open transaction may take is not waited for', async () => {
    const old = await jobIn('cancelled', 'open');
    const queue = (await millrace.get(old))?.queue ?? '';
    await other.query('BEGIN');
    await other.query(
      `INSERT INTO millrace.job (run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, unique_key, payload)
       VALUES (now(), now(), now(), 0, 1, $1, 'test', 'open', '{}')`,
      [queue],
    );
    const answers = await act('retry', [old]);
    await other.query('ROLLBACK');
    expect(answers.get(old)).toEqual({ status: 'busy' });
    expect(await act('retry', [old])).toEqual(
      new Map([[old, { status: 'done', from: 'cancelled', state: 'available' }]]),
    );
  });
});

describe('the fence', () => {
  it('G2: a running job is left to its lease by every verb but cancel, which asks', async () => {
    const id = await jobIn('running');
    const lease = leaseOf(me, claims);
    for (const verb of jobVerbs) {
      const status = verb === 'cancel' ? 'requested' : 'running';
      expect([verb, (await act(verb, [id])).get(id)]).toEqual([verb, { status }]);
    }
    expect(await storage.session().settle([{ id, lease, settlement: completed }])).toEqual([
      { id, status: 'written', state: 'completed' },
    ]);
  });

  it('G2: beside a worker that claims, each job is either done here or run there, never both', async () => {
    const queue = 'contested';
    const made = await millrace.enqueueMany(
      Array.from({ length: 200 }, () => job.with({}, { queue })),
    );
    const ids = made.map(({ id }) => id);
    const claimed: string[] = [];
    const [answers] = await Promise.all([
      act('delete', ids.toReversed(), { chunk: 10 }),
      (async () => {
        for (let round = 0; round < 20; round++) {
          claims += 1;
          const jobs = await claim(storage.session(), me, claims, {
            queues: [{ queue, limit: 10 }],
            limit: 10,
          });
          claimed.push(...jobs.map(({ id }) => id));
        }
      })(),
    ]);
    const deleted = ids.filter((id) => answers.get(id)?.status === 'done');
    expect(deleted.filter((id) => claimed.includes(id))).toEqual([]);
    const left = await app.database.query<{ id: string }>('SELECT id FROM millrace.job');
    expect(left.map(({ id }) => id).toSorted()).toEqual(
      ids.filter((id) => !deleted.includes(id)).toSorted(),
    );
  });
});

describe('all that match', () => {
  it('a bulk acts on what the filter names, chunk by chunk, and counts', async () => {
    await millrace.enqueueMany(
      Array.from({ length: 25 }, (_, n) => job.with({}, { queue: n % 2 ? 'odd' : 'even' })),
    );
    const shares: number[] = [];
    const result = await millrace.bulk(
      'cancel',
      { queue: 'odd' },
      { chunk: 5, onProgress: ({ share }) => shares.push(share) },
    );
    expect(result).toEqual({
      verb: 'cancel',
      dryRun: false,
      matched: 12,
      counts: { done: 12 },
      complete: true,
    });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect((await millrace.list({ state: 'available' })).jobs).toHaveLength(13);
  });

  it('an empty filter acts on nothing unless it says so', async () => {
    const id = await jobIn('available');
    await expect(millrace.bulk('delete', {})).rejects.toMatchObject({
      code: 'MILLRACE_OPTION_INVALID',
    });
    expect(await millrace.get(id)).not.toBeNull();
    expect(await millrace.bulk('delete', { all: true })).toMatchObject({ matched: 1 });
    expect(await millrace.get(id)).toBeNull();
  });

  it('a signal ends it after the chunk that is under way', async () => {
    await millrace.enqueueMany(Array.from({ length: 10 }, () => job.with({})));
    const stop = new AbortController();
    const result = await millrace.bulk(
      'discard',
      { kind: 'test' },
      { chunk: 3, signal: stop.signal, onProgress: () => stop.abort() },
    );
    expect(result).toMatchObject({ matched: 3, complete: false });
  });

  it.each([
    ['reschedule', {}, /delay or scheduledAt/],
    ['edit', {}, /nothing to change/],
    ['edit', { payload: {} }, /one kind/],
  ] as const)('%s with %o is refused before anything is done', async (verb, options, message) => {
    await expect(millrace.bulk(verb, { queue: 'x' }, options)).rejects.toThrow(message);
  });
});
