import { expect, it } from 'vitest';
import { defineJob, type JobActivity } from 'millrace';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { clientConfig } from '../../packages/millrace/src/storage/connection.ts';
import { namesOf } from '../../packages/millrace/src/storage/names.ts';
import { PgActivity } from '../../packages/millrace/src/storage/operator/pg-activity.ts';
import { Pool } from '../../packages/millrace/src/storage/pool.ts';
import { systemClock } from '../../packages/millrace/src/system-clock.ts';
import { tailJobs } from '../../packages/millrace/src/operate/tail.ts';
import { until } from '../helpers/until.ts';

const quick = defineJob({ kind: 'quick', queue: 'fast', handler() {} });
const fails = defineJob({
  kind: 'fails',
  maxAttempts: 2,
  retry: { type: 'delays', delaysMs: [1], jitter: 0, from: 'now' },
  handler() {
    throw new RangeError('mailbox full');
  },
});

interface Following extends AsyncDisposable {
  readonly seen: JobActivity[];
  of(id: string): string[];
}

/** Follows from a moment that certainly lies before what comes next. */
async function follow(
  { millrace, database }: TestMillrace,
  options: { readonly kind?: string; readonly queue?: string; readonly overlapMs?: number } = {},
): Promise<Following> {
  const { overlapMs, ...filter } = options;
  const stop = new AbortController();
  const seen: JobActivity[] = [];
  const pool = new Pool(() => clientConfig(database.url));
  const reader = new PgActivity({ names: namesOf('millrace'), pool });
  const following = (async () => {
    const rest = { ...filter, signal: stop.signal };
    const activities =
      overlapMs === undefined
        ? millrace.tail(rest)
        : tailJobs(reader, systemClock, rest, overlapMs);
    for await (const activity of activities) seen.push(activity);
  })();
  const first = defineJob({ kind: filter.kind ?? 'first', queue: filter.queue ?? 'first' });
  await until('it follows', async () => {
    if (seen.length > 0) return true;
    const { id } = await millrace.enqueue(first, {}, { delay: '1h' });
    await millrace.cancel(id);
    return false;
  });
  return {
    seen,
    of: (id) => seen.filter((activity) => activity.id === id).map(({ event }) => event),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
      await pool.close();
    },
  };
}

it('every job is told of from its enqueueing to its end, once and in order, also when all lies between two looks', async () => {
  await using app = await createTestMillrace({ jobs: [quick, fails] });
  await using worker = app.millrace.createWorker();
  await worker.start();
  await using tail = await follow(app);
  const jobs = await app.millrace.enqueueMany(Array.from({ length: 200 }, () => quick.with()));
  const { id } = await app.millrace.enqueue(fails, {});
  const [last] = [...jobs].toReversed();
  await until(
    'the ends are told of',
    () =>
      tail.of(id).includes('discarded') &&
      tail.of(last?.id ?? '').includes('completed') &&
      jobs.every((job) => tail.of(job.id).includes('completed')),
  );
  for (const job of jobs) expect(tail.of(job.id)).toEqual(['enqueued', 'started', 'completed']);
  expect(tail.of(id)).toEqual(['enqueued', 'started', 'failed', 'started', 'discarded']);
  expect(tail.seen.find((each) => each.id === id && each.event === 'discarded')).toMatchObject({
    attempt: 2,
    error: { name: 'RangeError', message: 'mailbox full' },
  });
});

it('an end that was written long before its commit is told of when it is committed', async () => {
  await using app = await createTestMillrace({ jobs: [quick] });
  // So that a second is long: nothing is read again but for what open transactions may have written.
  await using tail = await follow(app, { overlapMs: 0 });
  const early = await app.millrace.enqueue(quick, {}, { delay: '1h' });
  const late = await app.millrace.enqueue(quick, {}, { delay: '1h' });
  await app.millrace.transaction(async (tx) => {
    await app.millrace.cancel(late.id, { tx, reason: 'held open' });
    await app.millrace.cancel(early.id);
    await until('the other is told of', () => tail.of(early.id).includes('cancelled'));
    expect(tail.of(late.id)).toEqual(['enqueued']);
  });
  await until('it is told of late', () => tail.of(late.id).includes('cancelled'));
  expect(tail.of(late.id)).toEqual(['enqueued', 'cancelled']);
});

it('a job whose enqueueing is committed late is told of, although younger ones were first', async () => {
  await using app = await createTestMillrace({ jobs: [quick] });
  await using tail = await follow(app);
  const late = await app.millrace.transaction(async (tx) => {
    const held = await app.millrace.enqueue(quick, {}, { tx, delay: '1h' });
    const younger = await app.millrace.enqueue(quick, {}, { delay: '1h' });
    await until('the younger is told of', () => tail.of(younger.id).includes('enqueued'));
    return held.id;
  });
  await until('the older is told of', () => tail.of(late).includes('enqueued'));
});

it('filters leave out other kinds and queues, and what was before is not told', async () => {
  await using app = await createTestMillrace({ jobs: [quick, fails] });
  const before = await app.millrace.enqueue(quick, {}, { delay: '1h' });
  await app.millrace.cancel(before.id);
  await using byKind = await follow(app, { kind: 'quick' });
  await using byQueue = await follow(app, { queue: 'default' });
  await using worker = app.millrace.createWorker();
  await worker.start();
  await app.millrace.enqueue(quick, {});
  await app.millrace.enqueue(fails, {});
  await until(
    'both have ended',
    () =>
      byKind.seen.some(({ event }) => event === 'completed') &&
      byQueue.seen.some(({ event }) => event === 'discarded'),
  );
  expect(new Set(byKind.seen.map(({ kind }) => kind))).toEqual(new Set(['quick']));
  expect(new Set(byQueue.seen.map(({ queue }) => queue))).toEqual(new Set(['default']));
  expect(byKind.of(before.id)).toEqual([]);
});
