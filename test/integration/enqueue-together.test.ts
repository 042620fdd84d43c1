import { expect, it, vi } from 'vitest';
import { defineJob } from 'millrace';
import { z } from 'zod';
import { createTestMillrace } from '../helpers/millrace.ts';

const numbered = defineJob({ kind: 'numbered', payload: z.object({ n: z.number() }) });
const keyed = defineJob({ kind: 'keyed' });

it('jobs enqueued one by one in the same turn need one transaction, and each gets its own id in their order', async () => {
  await using app = await createTestMillrace({ jobs: [numbered] });
  await app.millrace.enqueue(numbered, { n: -1 });
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      app.millrace.enqueue(numbered, { n }, { priority: n % 3 }),
    ),
  );
  expect(results.every(({ status }) => status === 'created')).toBe(true);
  const rows = await app.database.query<{ id: string; n: number; priority: number; xmin: string }>(
    `SELECT id::text, (payload ->> 'n')::int AS n, priority, xmin::text FROM millrace.job WHERE payload ->> 'n' <> '-1' ORDER BY job.id`,
  );
  expect(rows.map(({ id }) => id)).toEqual(results.map(({ id }) => id));
  expect(rows.map(({ n, priority }) => [n, priority])).toEqual(
    Array.from({ length: 50 }, (_, n) => [n, n % 3]),
  );
  expect(new Set(rows.map(({ xmin }) => xmin)).size).toBe(1);
});

it('a job that the database refuses does not take along those enqueued in the same turn', async () => {
  await using app = await createTestMillrace({ jobs: [numbered] });
  await app.database.query(
    `ALTER TABLE millrace.job ADD CONSTRAINT no_seven CHECK (payload ->> 'n' <> '7')`,
  );
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, n) => app.millrace.enqueue(numbered, { n })),
  );
  expect(results.map(({ status }) => status === 'rejected')).toEqual(
    Array.from({ length: 20 }, (_, n) => n === 7),
  );
  expect(results[7]).toMatchObject({ reason: { code: '23514' } });
  const rows = await app.database.query(
    `SELECT payload ->> 'n' AS n FROM millrace.job ORDER BY id`,
  );
  expect(rows).toHaveLength(19);
});

it('a job whose unique key waits for another transaction holds up none that is enqueued in the same turn', async () => {
  await using app = await createTestMillrace({ jobs: [numbered, keyed] });
  const free = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<void>();
  const holding = app.millrace.transaction(async (tx) => {
    await app.millrace.enqueue(keyed, {}, { tx, uniqueKey: 'one' });
    taken.resolve();
    await free.promise;
  });
  await taken.promise;
  const waiting = app.millrace.enqueue(keyed, {}, { uniqueKey: 'one' });
  const results = await Promise.all([1, 2].map((n) => app.millrace.enqueue(numbered, { n })));
  expect(results.map(({ status }) => status)).toEqual(['created', 'created']);
  free.resolve();
  await holding;
  expect(await waiting).toMatchObject({ status: 'deduplicated' });
});

it('what is enqueued is stored although a test has stopped the timers', async () => {
  await using app = await createTestMillrace({ jobs: [numbered] });
  vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout', 'setInterval'] });
  try {
    expect(await app.millrace.enqueue(numbered, { n: 1 })).toMatchObject({ status: 'created' });
  } finally {
    vi.useRealTimers();
  }
});
