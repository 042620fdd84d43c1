import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { pause, type Clock } from './clock.ts';

/** A clock whose calls are made by hand. */
function handClock() {
  const waiting = new Map<() => void, number>();
  const clock: Clock = {
    monotonicMs: () => 0,
    after(delayMs, callback) {
      waiting.set(callback, delayMs);
      return () => waiting.delete(callback);
    },
  };
  return { clock, waiting };
}

it('a pause ends when its time is over, and leaves nothing behind', async () => {
  const { clock, waiting } = handClock();
  const { signal } = new AbortController();
  const paused = pause(clock, 5_000, signal);
  expect([...waiting.values()]).toEqual([5_000]);
  for (const callback of waiting.keys()) callback();
  await paused;
  expect(waiting.size).toBe(0);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('a pause ends at once when its signal aborts, and leaves nothing behind', async () => {
  const { clock, waiting } = handClock();
  const controller = new AbortController();
  const paused = pause(clock, 5_000, controller.signal);
  controller.abort();
  await paused;
  expect(waiting.size).toBe(0);
});

it('a pause whose signal has aborted does not begin', async () => {
  const { clock, waiting } = handClock();
  await pause(clock, 5_000, AbortSignal.abort());
  expect(waiting.size).toBe(0);
});

it('a pause needs no signal', async () => {
  const { clock, waiting } = handClock();
  const paused = pause(clock, 5_000);
  for (const callback of waiting.keys()) callback();
  await paused;
  expect(waiting.size).toBe(0);
});
