import { expect, it } from 'vitest';
import { hostname } from 'node:os';
import { held, short } from '../fixtures/jobs.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';

it('W26: the jobs of a killed worker run again, at their place in the queue and without using an attempt; the crash is recorded', async () => {
  await using fleet = await Fleet.create();
  const doomed = await fleet.start({ concurrency: 3, tuning: brisk });
  const jobs = await fleet.enqueue(held.with({}), held.with({}), held.with({}));
  await doomed.waitForBegan(...jobs);

  // The other worker has no slot free until the rescue is over, so that the order after it is seen.
  const other = await fleet.start({
    concurrency: 1,
    queues: ['default', 'first'],
    tuning: brisk,
    events: ['worker:died', 'job:rescued'],
  });
  const [first = ''] = await fleet.enqueue(held.with({}, { queue: 'first' }));
  await other.waitForBegan(first);
  const later = await fleet.enqueue(...Array.from({ length: 5 }, () => short.with({})));

  const killedMs = performance.now();
  await doomed.kill();
  await other.waitFor('its jobs are rescued', () => other.events('job:rescued').length === 3);
  const tookMs = Math.round(performance.now() - killedMs);
  process.stdout.write(
    `W26: rescued ${tookMs} ms after the kill, dead after ${brisk.silentForMs} ms\n`,
  );
  expect(tookMs).toBeLessThan(3 * (brisk.silentForMs + brisk.heartbeatMs + brisk.lookMs));
  const address = { host: hostname(), pid: doomed.pid };
  expect(other.events('worker:died')).toMatchObject([address]);
  for (const id of jobs) {
    expect(await fleet.millrace.get(id)).toMatchObject({
      state: 'available',
      attempt: 0,
      crashes: 1,
      attempts: [
        { attempt: 1, ending: 'crashed', worker: `${address.host}:${address.pid}`, error: null },
      ],
    });
  }

  other.letGo();
  await fleet.finished();
  const order = fleet
    .history()
    .filter((line) => line.what === 'began' && line.pid === other.pid)
    .map((line) => (line.what === 'began' ? line.job : ''));
  expect(order).toEqual([first, ...jobs, ...later]);
  expect(await other.stop()).toEqual({ code: 0, signal: null });
  expect(await fleet.violations({ allFinished: true })).toEqual([]);
});

it('W26: whose parent tells of its end is dead at once, without anybody who looks', async () => {
  await using fleet = await Fleet.create();
  const doomed = await fleet.start();
  const [job = ''] = await fleet.enqueue(held.with({}));
  await doomed.waitForBegan(job);
  const [registered] = await fleet.query<{ boot: string }>('SELECT boot FROM millrace.worker');
  await doomed.kill();
  // Nobody else runs, so this alone can have found it.
  expect(await fleet.millrace.processEnded(registered?.boot ?? '')).toBe(1);
  expect(await fleet.millrace.get(job)).toMatchObject({
    state: 'available',
    attempt: 0,
    crashes: 1,
  });
  expect(await fleet.query('SELECT FROM millrace.worker')).toEqual([]);
});
