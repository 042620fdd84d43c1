import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Prefetch } from './prefetch.ts';

function after(concurrency: number, ...runsMs: number[]): number {
  const prefetch = new Prefetch(concurrency);
  for (const ms of runsMs) prefetch.ran(ms);
  return prefetch.depth;
}

const many = (ms: number) => Array.from({ length: 100 }, () => ms);

it('takes nothing ahead before the first job has ended', () => {
  expect(after(10)).toBe(0);
});

it('takes ahead what can start within 50 ms, and at most 1,000 jobs', () => {
  expect(after(10, ...many(0.01))).toBe(1_000);
  expect(after(10, ...many(5))).toBe(100);
  expect(after(10, ...many(100))).toBe(5);
  expect(after(10, ...many(1_000))).toBe(0);
  expect(after(1, ...many(10))).toBe(5);
});

it('believes slow runs sooner than fast ones', () => {
  const fast = after(10, ...many(1));
  expect(after(10, ...many(1), 1_000)).toBe(0);
  expect(after(10, ...many(1), 1_000, ...many(1).slice(0, 20))).toBeLessThan(fast / 50);
  expect(after(10, ...many(1), 1_000, ...many(1), ...many(1), ...many(1))).toBeGreaterThan(
    fast / 2,
  );
});

it('takes nothing ahead after it was told to forget, until the next job has ended', () => {
  const prefetch = new Prefetch(10);
  prefetch.ran(1);
  prefetch.forget();
  expect(prefetch.depth).toBe(0);
  prefetch.ran(400);
  expect(prefetch.depth).toBe(1);
});

it('takes ahead at most 16 MiB of large jobs, and believes large ones sooner than small ones', () => {
  const prefetch = new Prefetch(10);
  for (const ms of many(0.01)) prefetch.ran(ms);
  prefetch.brought(0, 200);
  prefetch.brought(10, 3_000);
  expect(prefetch.depth).toBe(1_000);
  prefetch.brought(10, 10 * 100 * 1024);
  expect(prefetch.depth).toBe(163);
  prefetch.brought(100, 30_000);
  expect(prefetch.depth).toBe(172);
  for (let i = 0; i < 100; i++) prefetch.brought(100, 30_000);
  expect(prefetch.depth).toBe(1_000);
});

it('never takes more ahead than the slowest of the last runs allows twice over', () => {
  const run = fc.property(
    fc.integer({ min: 1, max: 100 }),
    fc.array(fc.double({ min: 0, max: 10_000, noNaN: true }), { minLength: 1 }),
    (concurrency, runs) => {
      const depth = after(concurrency, ...runs);
      expect(Number.isInteger(depth)).toBe(true);
      expect(depth).toBeLessThanOrEqual(1_000);
      const last = runs.at(-1) ?? 0;
      if (last > 0) expect(depth).toBeLessThanOrEqual((2 * concurrency * 50) / last);
    },
  );
  fc.assert(run);
});
