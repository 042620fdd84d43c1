import { expect, it } from 'vitest';
import { enqueueing, failing, held, short } from '../fixtures/jobs.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';

const offMs = 10 * 60_000;

it('G17: with workers whose clocks are ten minutes fast and slow, jobs are due by the clock of the database, and nobody is taken for dead', async () => {
  await using fleet = await Fleet.create();
  const events = ['worker:died', 'job:rescued', 'attempt:started'] as const;
  const fast = await fleet.start({ tuning: brisk, events, clockAheadMs: offMs });
  const slow = await fleet.start({ tuning: brisk, events, clockAheadMs: -offMs });
  const [beats] = await fleet.query<{ sum: number }>('SELECT sum(beat)::int FROM millrace.worker');
  const [soon = '', ...later] = await fleet.enqueue(
    short.with({}, { delay: '1s' }),
    short.with({}, { delay: '5m' }),
    short.with({}, { scheduledAt: new Date(Date.now() + offMs / 2) }),
  );
  await fleet.enqueue(
    enqueueing.with({ jobs: 5 }),
    failing.with({ times: 2 }),
    ...Array.from({ length: 20 }, () => short.with({ ms: 20 })),
  );
  await fleet.until(
    'all that is due is done',
    async () => (await fleet.unfinished()) === later.length,
  );
  const job = await fleet.millrace.get(soon);
  expect(job?.claimedAt?.getTime()).toBeGreaterThanOrEqual(job?.scheduledAt.getTime() ?? Infinity);
  for (const id of later)
    expect(await fleet.millrace.get(id)).toMatchObject({ state: 'scheduled', attempt: 0 });
  await fleet.until('they have beaten for longer than it takes to judge', async () => {
    const [row] = await fleet.query<{ sum: number }>('SELECT sum(beat)::int FROM millrace.worker');
    return (row?.sum ?? 0) > (beats?.sum ?? 0) + 12;
  });
  for (const worker of [fast, slow]) {
    expect(worker.events('attempt:started')).not.toEqual([]);
    for (const { sinceDueMs } of worker.events('attempt:started'))
      expect(sinceDueMs).toBeLessThan(offMs / 2);
    expect([...worker.events('worker:died'), ...worker.events('job:rescued')]).toEqual([]);
  }

  const [left = ''] = await fleet.enqueue(held.with({}));
  await fleet.until('somebody runs it', () =>
    [fast, slow].some((each) => each.began.includes(left)),
  );
  const victim = fast.began.includes(left) ? fast : slow;
  const heir = victim === fast ? slow : fast;
  await victim.kill();
  await heir.waitForBegan(left);
  heir.letGo();
  await fleet.until('it is done', async () => (await fleet.unfinished()) === later.length);
  expect(await fleet.violations()).toEqual([]);
});
