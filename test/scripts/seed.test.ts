import { expect, it } from 'vitest';
import { createMillrace } from 'millrace';
import { plantJobs } from '../../scripts/seed/plant.ts';
import { createTestDatabase } from '../helpers/database.ts';

it('the seed leaves as many jobs as were asked for, in every state but running, whatever was there before', async () => {
  await using database = await createTestDatabase();
  await using millrace = createMillrace({ connection: database.url, logger: false });
  for (const jobs of [1_000, 500]) await plantJobs(database.url, jobs);
  const counts = await database.query<{ state: string; count: number }>(
    'SELECT state, count(*)::int AS count FROM millrace.jobs GROUP BY state',
  );
  const states = ['available', 'cancelled', 'completed', 'discarded', 'retryable', 'scheduled'];
  expect(counts.map(({ state }) => state).toSorted()).toEqual(states);
  expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(1_500);
  const { jobs } = await millrace.list({ state: 'discarded', error: 'ECONNREFUSED', limit: 1 });
  expect((await millrace.get(jobs[0]?.id ?? ''))?.attempts).toHaveLength(3);
});
