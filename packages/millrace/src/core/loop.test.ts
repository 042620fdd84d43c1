import { describe, expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import { Loop } from './loop.ts';

/** A loop on a clock that is driven by hand; the pass answers with what `answers` gives, and throws errors. */
function driven(answers: (number | Error)[]) {
  const pauses: number[] = [];
  const errors: unknown[] = [];
  let passes = 0;
  let end: (() => void) | undefined;
  let begun = Promise.withResolvers<void>();
  const clock: Clock = {
    monotonicMs: () => 0,
    after(delayMs, callback) {
      pauses.push(delayMs);
      end = callback;
      begun.resolve();
      return () => {};
    },
  };
  const loop = new Loop({
    async pass() {
      const answer = answers[passes++] ?? 1_000;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    clock,
    random: () => 0.5,
    onError: (error) => errors.push(error),
  });
  /** Ends the present pause and waits for the next one. */
  async function step(): Promise<void> {
    begun = Promise.withResolvers<void>();
    end?.();
    await begun.promise;
  }
  return { loop, pauses, errors, step, passes: () => passes };
}

describe('a loop', () => {
  it('repeats its pass after the pause that the pass asked for', async () => {
    const { loop, pauses, step, passes } = driven([5, 6, 7]);
    await loop.start();
    await step();
    await step();
    expect(passes()).toBe(3);
    expect(pauses.slice(0, 3)).toEqual([5, 6, 7]);
    await loop.stop();
  });

  it('G16: goes on after errors, with pauses that grow up to a cap and begin anew after a success', async () => {
    const broken = new Error('away');
    const answers = [...Array.from({ length: 10 }, () => broken), 5, broken];
    const { loop, pauses, errors, step } = driven(answers);
    await loop.start();
    for (let count = 1; count < answers.length; count++) await step();
    expect(pauses).toEqual([
      250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000, 5_000, 5, 250,
    ]);
    expect(errors).toHaveLength(11);
    await loop.stop();
  });

  it('start resolves after the first pass, also when it failed, and does nothing the second time', async () => {
    const { loop, errors, passes } = driven([new Error('away')]);
    await loop.start();
    await loop.start();
    expect(errors).toHaveLength(1);
    expect(passes()).toBe(1);
    await loop.stop();
  });

  it('G22: stops in its pause at once, twice, and before it ever ran; and starts again', async () => {
    const { loop, passes } = driven([]);
    await loop.stop();
    await loop.start();
    await Promise.all([loop.stop(), loop.stop()]);
    expect(passes()).toBe(1);
    await loop.start();
    await loop.stop();
    expect(passes()).toBe(2);
  });

  it('G22: a stop during a pass waits for it and lets no other follow', async () => {
    const inPass = Promise.withResolvers<void>();
    const release = Promise.withResolvers<number>();
    let passes = 0;
    const loop = new Loop({
      pass() {
        passes++;
        inPass.resolve();
        return release.promise;
      },
      clock: { monotonicMs: () => 0, after: () => () => {} },
      random: () => 0.5,
      onError() {},
    });
    const started = loop.start();
    await inPass.promise;
    let hasStopped = false;
    const stopped = loop.stop().then(() => (hasStopped = true));
    await Promise.resolve();
    expect(hasStopped).toBe(false);
    release.resolve(0);
    await Promise.all([started, stopped]);
    expect(passes).toBe(1);
  });

  it('wake ends the present pause; tick is one pass, whether it runs or not', async () => {
    const { loop, pauses, passes } = driven([60_000, 7, 8]);
    await loop.start();
    loop.wake();
    await expect.poll(() => pauses).toEqual([60_000, 7]);
    expect(await loop.tick()).toBe(8);
    expect(passes()).toBe(3);
    await loop.stop();
  });
});

it('a loop tells of each pass that succeeded when the next is due, and that none is when it has stopped', async () => {
  const told: number[] = [];
  let end = () => {};
  const answers = [5, new Error('away'), 7];
  const loop = new Loop({
    async pass() {
      const answer = answers.shift() ?? 9;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    clock: { monotonicMs: () => 0, after: (_, callback) => ((end = callback), () => {}) },
    random: () => 1,
    onError() {},
    onPass: (nextInMs) => told.push(nextInMs),
  });
  await loop.stop();
  expect(told).toEqual([]);
  await loop.start();
  for (const count of [1, 2]) {
    end();
    await expect.poll(() => answers.length).toBe(2 - count);
  }
  await expect.poll(() => told).toEqual([5, 7]);
  await loop.stop();
  expect(told).toEqual([5, 7, Number.POSITIVE_INFINITY]);
});

it('the pauses after errors are spread from half to one and a half', async () => {
  const pauses: number[] = [];
  for (const random of [0, 1]) {
    const loop = new Loop({
      pass: () => Promise.reject(new Error('away')),
      clock: { monotonicMs: () => 0, after: (delayMs) => (pauses.push(delayMs), () => {}) },
      random: () => random,
      onError() {},
    });
    await loop.start();
    await expect.poll(() => pauses.length).toBe(random + 1);
    await loop.stop();
  }
  expect(pauses).toEqual([125, 375]);
});
