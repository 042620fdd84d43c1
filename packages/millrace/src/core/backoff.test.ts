import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

const backoff = { firstMs: 100, longestMs: 5_000 };

it('pauses double from the first to the longest', () => {
  expect([1, 2, 3, 6, 7, 8].map((tries) => backoffMs(backoff, tries, 1))).toEqual([
    100, 200, 400, 3_200, 5_000, 5_000,
  ]);
});

it('a pause is spread over its upper half, however many tries there were', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 31 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (tries, random) => {
        const longest = backoffMs(backoff, tries, 1);
        const pause = backoffMs(backoff, tries, random);
        return pause >= longest / 2 && pause <= longest && longest <= 5_000;
      },
    ),
  );
});
