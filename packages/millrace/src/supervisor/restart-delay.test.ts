import { expect, it } from 'vitest';
import { restartDelayMs } from './restart-delay.ts';

it('W19: a process that keeps ending is started again after growing pauses of at most 60 s, for ever', () => {
  const pauses = Array.from({ length: 12 }, (_, index) => restartDelayMs(index + 1));
  expect(pauses.slice(0, 4)).toEqual([250, 500, 1_000, 2_000]);
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
  expect(pauses.at(-1)).toBe(60_000);
  expect(restartDelayMs(10_000)).toBe(60_000);
});
