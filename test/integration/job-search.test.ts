/** How jobs are found: each thing that a filter may ask for, pages, and searches whose time is over. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defineJob, type Job, type ListOptions, type Millrace } from 'millrace';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';

const job = defineJob({ kind: 'test' });

let app: TestMillrace;
let millrace: Millrace;

beforeAll(async () => {
  app = await createTestMillrace({ jobs: [job] });
  millrace = app.millrace;
});

afterAll(async () => {
  await app[Symbol.asyncDispose]();
});

const minute = 60_000;

interface Planted {
  readonly id: number;
  readonly state: Job['state'];
  readonly kind?: string;
  readonly queue?: string;
  readonly tags?: readonly string[];
  readonly payload?: unknown;
  /** The messages of its attempts, oldest first. */
  readonly errors?: readonly string[];
  readonly createdMinutesAgo?: number;
  readonly finishedMinutesAgo?: number;
}

/** Writes jobs as they would be after a while. */
async function plant(jobs: readonly Planted[]): Promise<void> {
  const numbers = { completed: 2, cancelled: 3, discarded: 4, running: 1 } as Record<
    string,
    number
  >;
  for (const { state, errors = [], ...rest } of jobs) {
    const finished = (numbers[state] ?? 0) > 1;
    const dueMinutes = state === 'scheduled' || state === 'retryable' ? 60 : -1;
    await app.database.query(
      `INSERT INTO millrace.${finished ? 'job_history' : 'job'}
         (id, ${finished ? 'finished_at, crashes, payload_version' : 'run_at'}, scheduled_at, created_at, lease, priority,
          max_attempts, attempt, state, queue, kind, meta, payload)
       VALUES ($1, now() + $2 * interval '1 minute', ${finished ? '0, 1,' : ''} now(), now() - $3 * interval '1 minute', 1, 0, 3,
               $4, $5, $6, $7, $8, $9)`,
      [
        rest.id,
        finished ? -(rest.finishedMinutesAgo ?? 0) : dueMinutes,
        rest.createdMinutesAgo ?? 5,
        state === 'retryable' ? 1 : errors.length,
        numbers[state] ?? 0,
        rest.queue ?? 'default',
        rest.kind ?? 'test',
        rest.tags === undefined ? null : JSON.stringify({ tags: rest.tags }),
        JSON.stringify(rest.payload ?? {}),
      ],
    );
    for (const [index, message] of errors.entries()) {
      await app.database.query(
        `INSERT INTO millrace.job_attempt (job_id, ended_at, lease, attempt, ending, error)
         VALUES ($1, now() - $2 * interval '1 second', 1, $3, 'failed', $4)`,
        [
          rest.id,
          errors.length - index,
          index + 1,
          JSON.stringify({ name: 'TypeError', message, code: 'E_TEST' }),
        ],
      );
    }
  }
}

beforeEach(async () => {
  await app.database.query('TRUNCATE millrace.job, millrace.job_history, millrace.job_attempt');
});

async function ids(options: ListOptions = {}): Promise<number[]> {
  const page = await millrace.list({ budget: '20s', ...options });
  expect(page.searchedTo).toBeNull();
  return page.jobs.map(({ id }) => Number(id));
}

describe('a filter', () => {
  const planted: readonly Planted[] = [
    {
      id: 1,
      state: 'scheduled',
      tags: ['red', 'blue'],
      payload: { to: { city: 'Bern' }, n: [1, 2] },
    },
    { id: 2, state: 'available', queue: 'mail', payload: { to: { city: 'Rome' } } },
    { id: 3, state: 'running', kind: 'other', createdMinutesAgo: 60 },
    { id: 4, state: 'retryable', errors: ['the disk is full'], tags: ['blue'] },
    { id: 5, state: 'completed', finishedMinutesAgo: 30, errors: ['Disk Full at first'] },
    { id: 6, state: 'cancelled', finishedMinutesAgo: 10, queue: 'mail' },
    { id: 7, state: 'discarded', finishedMinutesAgo: 20, errors: ['timeout', 'refused 100%'] },
  ];

  beforeEach(() => plant(planted));

  it.each<readonly [ListOptions, readonly number[]]>([
    [{}, [7, 6, 5, 4, 3, 2, 1]],
    [{ state: 'available' }, [2]],
    [{ state: ['scheduled', 'retryable', 'completed'] }, [5, 4, 1]],
    [{ state: ['cancelled', 'discarded'] }, [7, 6]],
    [{ kind: 'other' }, [3]],
    [{ queue: 'mail' }, [6, 2]],
    [{ queue: 'mail', state: 'cancelled' }, [6]],
    [{ tag: 'blue' }, [4, 1]],
    [{ tag: 'green' }, []],
    [{ payload: { to: { city: 'Bern' } } }, [1]],
    [{ payload: { n: [2] } }, [1]],
    [{ error: 'DISK' }, [5, 4]],
    [{ error: 'refused 100%' }, [7]],
    // Only the last attempt counts.
    [{ error: 'timeout' }, []],
    [{ error: 'typeerror: the' }, [4]],
    [{ error: 'e_test' }, [7, 5, 4]],
    [{ olderThan: '30m' }, [3]],
    [{ newerThan: '30m', kind: 'other' }, []],
    [{ finishedSince: '25m' }, [6, 7]],
    [{ finishedUntil: '15m' }, [7, 5]],
    [{ finishedSince: new Date(Date.now() - 25 * minute), state: 'discarded' }, [7]],
    [{ finishedSince: '1h', error: 'disk' }, [5]],
  ])('%o finds what it says', async (options, expected) => {
    expect(await ids(options)).toEqual(expected);
  });

  it('finds a job with all that it carries', async () => {
    const page = await millrace.list({ tag: 'red' });
    expect(page.jobs).toMatchObject([
      { id: '1', state: 'scheduled', tags: ['red', 'blue'], payload: { n: [1, 2] }, attempts: [] },
    ]);
  });
});

describe('pages', () => {
  it.each([
    ['by id', {}],
    ['by the time of finishing, where many finished in one moment', { finishedSince: '1h' }],
  ] as const)('%s every job is on exactly one of them', async (_, options: ListOptions) => {
    const planted = Array.from({ length: 23 }, (_unused, n) => ({
      id: n + 1,
      state: 'completed' as const,
      finishedMinutesAgo: Math.floor(n / 8),
    }));
    await plant(planted);
    await app.database.query(
      `UPDATE millrace.job_history SET finished_at = date_trunc('minute', finished_at)`,
    );
    const seen: number[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await millrace.list({
        ...options,
        limit: 5,
        ...(cursor !== undefined && { cursor }),
      });
      seen.push(...page.jobs.map(({ id }) => Number(id)));
      if (page.cursor === null) break;
      cursor = page.cursor;
    }
    expect(seen.toSorted((a, b) => a - b)).toEqual(planted.map(({ id }) => id));
  });

  it('a cursor of another order is refused', async () => {
    await expect(millrace.list({ finishedSince: '1h', cursor: '12' })).rejects.toMatchObject({
      code: 'MILLRACE_OPTION_INVALID',
    });
  });
});

describe('a search whose time is over', () => {
  const many = 60_000;

  async function plantMany(table: 'job' | 'job_history'): Promise<void> {
    const finished = table === 'job_history';
    await app.database.query(
      `INSERT INTO millrace.${table} (id, ${finished ? 'finished_at, state, attempt, lease, crashes, payload_version' : 'run_at'},
         scheduled_at, created_at, priority, max_attempts, queue, kind, payload)
       SELECT n, now() - (${many} - n) * interval '20 milliseconds', ${finished ? '2, 1, 1, 0, 1,' : ''} now(), now(), 0, 3,
              'default', CASE n WHEN 1 THEN 'rare' ELSE 'test' END, '{}'
         FROM generate_series(1, ${many}) n`,
    );
  }

  it.each([
    ['job', {}],
    ['job_history', {}],
    ['job_history', { finishedSince: '1h' }],
  ] as const)(
    'says how far it came in %s %o, and goes on there until it finds what is at the very end',
    async (table, options: ListOptions) => {
      await plantMany(table);
      const found: string[] = [];
      let looks = 0;
      let cursor: string | undefined;
      do {
        const page = await millrace.list({
          ...options,
          kind: 'rare',
          budget: 5,
          ...(cursor !== undefined && { cursor }),
        });
        found.push(...page.jobs.map(({ id }) => id));
        expect(page.cursor === null).toBe(page.searchedTo === null);
        cursor = page.cursor ?? undefined;
        looks += 1;
      } while (cursor !== undefined);
      expect(found).toEqual(['1']);
      expect(looks).toBeGreaterThan(1);
    },
  );

  it('finds jobs of an age without looking at younger or much older ones', async () => {
    await plantMany('job');
    await app.database.query(
      `UPDATE millrace.job SET created_at = now() - (${many} - id) * interval '1 second'`,
    );
    const page = await millrace.list({ olderThan: '10h', newerThan: '12h', kind: 'rare' });
    expect(page).toEqual({ jobs: [], cursor: null, searchedTo: null });
    const [first] = (await millrace.list({ olderThan: '10h', limit: 1, budget: 5 })).jobs;
    expect(Number(first?.id)).toBe(many - 36_000);
  });

  it('a bulk looks on until it has seen all', async () => {
    await plantMany('job');
    expect(await millrace.bulk('discard', { kind: 'rare' })).toMatchObject({
      matched: 1,
      complete: true,
    });
  });
});
