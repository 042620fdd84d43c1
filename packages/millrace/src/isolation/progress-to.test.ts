import { expect, it } from 'vitest';
import { ProgressTo } from './progress-to.ts';

it('a handler that says its progress all the time sends it ten times a second, and the last word soon', () => {
  let nowMs = 0;
  const timers = new Set<() => void>();
  const sent: number[] = [];
  const progress = new ProgressTo(({ percent }) => sent.push(percent), {
    monotonicMs: () => nowMs,
    after(_, callback) {
      timers.add(callback);
      return () => timers.delete(callback);
    },
  });
  // The event loop is blocked: no timer fires.
  for (; nowMs < 1_000; nowMs++) progress.say(nowMs / 10);
  expect(sent).toHaveLength(10);
  expect(timers.size).toBe(1);
  for (const fire of timers) fire();
  expect(sent.at(-1)).toBe(99.9);
  expect(timers.size).toBe(0);
  progress.flush();
  expect(sent).toHaveLength(11);
});
