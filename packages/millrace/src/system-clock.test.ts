import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from './system-clock.ts';

afterEach(() => vi.useRealTimers());

const day = 86_400_000;

it('waits longer than the timers of Node can', () => {
  vi.useFakeTimers();
  let calls = 0;
  systemClock.after(60 * day, () => (calls += 1));
  vi.advanceTimersByTime(60 * day - 1);
  expect(calls).toBe(0);
  vi.advanceTimersByTime(1);
  expect(calls).toBe(1);
});

it('a long wait can be ended in any of its parts', () => {
  vi.useFakeTimers();
  let calls = 0;
  const cancel = systemClock.after(60 * day, () => (calls += 1));
  vi.advanceTimersByTime(30 * day);
  cancel();
  vi.advanceTimersByTime(60 * day);
  expect(calls).toBe(0);
});
