import { expect, it } from 'vitest';
import { RunTimes } from './run-times.ts';

it('wants as many workers as start what is due within the target delay', () => {
  const times = new RunTimes();
  times.serve(['mail'], 10);
  times.add('mail', 200);
  // 600 jobs of 200 ms are 120 s of work; ten at a time, that is 12 s for one worker.
  expect(times.workersWanted('mail', 600, 12_000)).toBeCloseTo(1);
  expect(times.workersWanted('mail', 600, 3_000)).toBeCloseTo(4);
  expect(times.workersWanted('mail', 0, 3_000)).toBe(0);
});

it('says nothing of queues that no worker here serves, and before anything ran', () => {
  const times = new RunTimes();
  times.add('foreign', 5);
  times.serve(['mail'], 10);
  expect(times.workersWanted('foreign', 5, 1_000)).toBeUndefined();
  expect(times.workersWanted('mail', 5, 1_000)).toBeUndefined();
  expect(times.workersWanted('mail', 0, 1_000)).toBe(0);
});

it('follows run times that change', () => {
  const times = new RunTimes();
  times.serve(['mail'], 1);
  for (let n = 0; n < 1_000; n++) times.add('mail', 100);
  for (let n = 0; n < 500; n++) times.add('mail', 1_000);
  const meanMs = times.workersWanted('mail', 1, 1) ?? 0;
  expect(meanMs).toBeGreaterThan(980);
  expect(meanMs).toBeLessThanOrEqual(1_000);
});
