import { expect, it } from 'vitest';
import { held } from '../fixtures/jobs.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';

const tuning = { ...brisk, heartbeatMs: 100, lookMs: 100, silentForMs: 600 };

it('G4: a job ten times longer than it takes to be declared dead is never rescued while its worker lives', async () => {
  await using fleet = await Fleet.create();
  const events = ['worker:died', 'job:rescued', 'worker:renewed'] as const;
  const worker = await fleet.start({ tuning, events });
  const [id = ''] = await fleet.enqueue(held.with({}));
  await worker.waitForBegan(id);
  const others = await Promise.all([
    fleet.start({ tuning, events }),
    fleet.start({ tuning, events }),
  ]);

  await fleet.until('it runs for so long', async () => {
    const [row] = await fleet.query<{ long: boolean }>(
      `SELECT clock_timestamp() - claimed_at > $1 * interval '10 ms' AS long FROM millrace.job`,
      [tuning.silentForMs],
    );
    return row?.long === true;
  });
  // Everybody looks for the dead: one that is killed now is found.
  const [other, killed] = others;
  await killed.kill();
  const died = () => [worker, other].flatMap((each) => each.events('worker:died'));
  await fleet.until('the killed one is found', () => died().length > 0);

  expect(died()).toMatchObject([{ pid: killed.pid }]);
  expect(other.events('job:rescued')).toEqual([]);
  expect(worker.events('worker:renewed')).toEqual([]);
  worker.letGo();
  await fleet.finished();
  expect(await fleet.millrace.get(id)).toMatchObject({
    state: 'completed',
    attempt: 1,
    crashes: 0,
  });
  expect(await fleet.violations({ exactlyOnce: true, allFinished: true })).toEqual([]);
});
