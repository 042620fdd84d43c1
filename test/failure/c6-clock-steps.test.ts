import { expect, it, vi } from 'vitest';
import { driveClock } from 'millrace/testing';
import { held, short } from '../fixtures/jobs.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Sets the time of the database to so much beside the server's, as a step of its machine's clock would. */
function step(fleet: Fleet, by: string): Promise<unknown> {
  return fleet.query('UPDATE millrace.clock_offset SET ahead = $1::interval', [by]);
}

it.each(['10 minutes', '-10 minutes', '60 days', '-60 days'])(
  'C6: G17: when the clock of the database steps by %s nobody is taken for dead, and jobs, outcomes and rescues go on',
  async (by) => {
    await using fleet = await Fleet.create();
    await using _ = await driveClock(fleet.url);
    const stateOf = async (id: string) => (await fleet.millrace.get(id))?.state;
    const events = ['worker:died', 'worker:renewed', 'job:rescued'] as const;
    const doomed = await fleet.start({ tuning: brisk, concurrency: 1 });
    const [left = ''] = await fleet.enqueue(held.with({}));
    await doomed.waitForBegan(left);
    const worker = await fleet.start({ tuning: brisk, concurrency: 1, events });
    const [kept = ''] = await fleet.enqueue(held.with({}));
    await worker.waitForBegan(kept);
    const [later = ''] = await fleet.enqueue(short.with({}, { delay: '5m' }));

    await step(fleet, by);
    const [beats] = await fleet.query<{ sum: number }>(
      'SELECT sum(beat)::int FROM millrace.worker',
    );
    // For longer than it takes to judge somebody silent.
    await fleet.until('both have beaten often', async () => {
      const [row] = await fleet.query<{ sum: number }>(
        'SELECT sum(beat)::int FROM millrace.worker',
      );
      return (row?.sum ?? 0) > (beats?.sum ?? 0) + 14;
    });
    expect(worker.events('worker:died')).toEqual([]);
    expect(worker.events('worker:renewed')).toEqual([]);

    // Nobody has settled anything in the new time yet: there may be no table for the day in which this one ends.
    await fleet.millrace.cancel(left);
    await doomed.kill();
    await fleet.until('it is rescued', async () => (await stateOf(left)) === 'cancelled');
    worker.letGo();
    await fleet.until('the one in hand ends', async () => (await stateOf(kept)) === 'completed');
    expect(await fleet.millrace.get(kept)).toMatchObject({ attempt: 1, crashes: 0 });

    // A new job is due at once, by the new time; the older one as well if the new time is past it.
    const now = await fleet.millrace.enqueue(short, {});
    await fleet.until('it is run', async () => (await stateOf(now.id)) === 'completed');
    const isPast = !by.startsWith('-');
    if (isPast) await fleet.until('it is due', async () => (await stateOf(later)) === 'completed');
    else expect(await stateOf(later)).toBe('scheduled');
  },
);
