import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxDurationMs, type Duration } from './duration.ts';
import { check, defaults } from './options.ts';
import {
  delays,
  exponential,
  fixed,
  linear,
  retryDelay,
  type RetryPolicy,
  type StoredRetryPolicy,
} from './retry.ts';

const hour = 3_600_000;

/** The delays after the first `count` failures, without jitter. */
function series(policy: RetryPolicy, count: number): number[] {
  return Array.from({ length: count }, (_, index) => delayAfter(policy, index + 1));
}

function delayAfter(policy: RetryPolicy, attempt: number, random = 0.5): number {
  return retryDelay(policy, { attempt, maxAttempts: 32_767, error: null }, random).ms;
}

describe('retry policies', () => {
  it("W10: the origin's policy makes due times t, t+30, +90, +210, +450 s, however late every attempt is", () => {
    const policy = exponential({ first: '30s', factor: 2, from: 'due', jitter: 0 });
    const maxAttempts = 5;
    let due = 1_000_000;
    const dueTimes = [due];
    for (let attempt = 1; attempt < maxAttempts; attempt++) {
      const failedAt = due + 100_000;
      const delay = retryDelay(policy, { attempt, maxAttempts, error: null }, 0.9);
      due = (delay.from === 'due' ? due : failedAt) + delay.ms;
      dueTimes.push(due);
    }
    expect(dueTimes.map((time) => (time - 1_000_000) / 1_000)).toEqual([0, 30, 90, 210, 450]);
  });

  it('the default is 15 s, doubled each time, up to 6 h, from the failure', () => {
    expect(exponential()).toEqual(defaults.retry);
    expect(series(exponential(), 4)).toEqual([15_000, 30_000, 60_000, 120_000]);
    expect(series(exponential(), 20).at(-1)).toBe(6 * hour);
    expect(retryDelay(exponential(), { attempt: 1, maxAttempts: 2, error: null }, 0.5).from).toBe(
      'now',
    );
  });

  it('exponential multiplies by its factor up to its cap', () => {
    expect(series(exponential({ first: '1s', factor: 3, cap: '20s' }), 5)).toEqual([
      1_000, 3_000, 9_000, 20_000, 20_000,
    ]);
    expect(series(exponential({ first: '10s', factor: 1 }), 3)).toEqual([10_000, 10_000, 10_000]);
  });

  it('exponential from nothing stays nothing, however huge the power', () => {
    expect(delayAfter(exponential({ first: 0 }), 32_767)).toBe(0);
  });

  it('linear adds its step, which is its first delay unless given, up to its cap', () => {
    expect(series(linear({ first: '10s' }), 3)).toEqual([10_000, 20_000, 30_000]);
    expect(series(linear({ first: '1s', step: '5s', cap: '8s' }), 4)).toEqual([
      1_000, 6_000, 8_000, 8_000,
    ]);
  });

  it('fixed repeats one delay, and delays its last', () => {
    expect(series(fixed('7s'), 3)).toEqual([7_000, 7_000, 7_000]);
    expect(series(delays(['1s', '1m', '1h']), 5)).toEqual([1_000, 60_000, hour, hour, hour]);
    expect(delays(['1s'], { jitter: 0.5, from: 'due' })).toMatchObject({
      jitter: 0.5,
      from: 'due',
    });
  });

  it('a function answers with the delay itself, without jitter, from the failure', () => {
    const policy: RetryPolicy = ({ attempt, error }) => (error === 'slow' ? '1h' : attempt * 1_000);
    const failed = { attempt: 3, maxAttempts: 5 };
    expect(retryDelay(policy, { ...failed, error: 'slow' }, 0)).toEqual({ ms: hour, from: 'now' });
    expect(retryDelay(policy, { ...failed, error: null }, 1)).toEqual({ ms: 3_000, from: 'now' });
  });

  it.each(['soon', -1, Number.NaN, null, undefined])(
    'a function that answers %o is refused',
    (answer) => {
      expect(() => delayAfter(() => answer as Duration, 1)).toThrow(
        expect.objectContaining({ code: 'MILLRACE_DURATION_INVALID' }),
      );
    },
  );
});

describe('any policy', () => {
  const duration = fc.integer({ min: 0, max: maxDurationMs });
  const shared = {
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    from: fc.constantFrom('now', 'due'),
  } as const;
  const anyPolicy: fc.Arbitrary<StoredRetryPolicy> = fc.oneof(
    fc
      .record({
        ...shared,
        first: duration,
        factor: fc.double({ min: 1, max: Number.MAX_VALUE, noNaN: true }),
        cap: duration,
      })
      .map(exponential),
    fc.record({ ...shared, first: duration, step: duration, cap: duration }).map(linear),
    fc
      .tuple(fc.array(duration, { minLength: 1, maxLength: 5 }), fc.record(shared))
      .map(([list, options]) => delays(list as [number, ...number[]], options)),
  );
  const anyAttempt = fc.oneof(
    fc.integer({ min: 1, max: 40 }),
    fc.constantFrom(1_100, 32_767, 2 ** 31),
  );
  const random = fc.double({ min: 0, max: 1, noNaN: true });

  it('answers with whole milliseconds within its jitter, for the hugest attempt too', () => {
    fc.assert(
      fc.property(anyPolicy, anyAttempt, random, (policy, attempt, drawn) => {
        const ms = delayAfter(policy, attempt, drawn);
        const base = delayAfter(policy, attempt);
        expect(Number.isSafeInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(Math.floor(base * (1 - policy.jitter)) - 1);
        expect(ms).toBeLessThanOrEqual(Math.ceil(base * (1 + policy.jitter)) + 1);
        expect(base).toBeLessThanOrEqual(policy.type === 'delays' ? maxDurationMs : policy.capMs);
      }),
    );
  });

  it('never waits less after a later failure, unless its list says so', () => {
    fc.assert(
      fc.property(anyPolicy, fc.integer({ min: 1, max: 2_000 }), (policy, attempt) => {
        if (policy.type === 'delays') return;
        expect(delayAfter(policy, attempt + 1)).toBeGreaterThanOrEqual(delayAfter(policy, attempt));
      }),
    );
  });

  it('passes the check that stored policies must pass, also after a way through JSON', () => {
    fc.assert(
      fc.property(anyPolicy, (policy) => {
        expect(check.storedRetry(JSON.parse(JSON.stringify(policy)), 'retry')).toEqual(policy);
      }),
    );
  });

  it('jitter reaches both ends of its range', () => {
    const policy = fixed('100s', { jitter: 0.1 });
    expect([0, 0.5, 1].map((drawn) => delayAfter(policy, 1, drawn))).toEqual([
      90_000, 100_000, 110_000,
    ]);
  });
});

describe('settings of a policy', () => {
  const invalid = expect.objectContaining({ code: 'MILLRACE_OPTION_INVALID' }) as unknown;

  it.each([
    ['jitter', -0.1],
    ['jitter', 1.1],
    ['jitter', Number.NaN],
    ['jitter', '0.1'],
    ['factor', 0.5],
    ['factor', Number.POSITIVE_INFINITY],
    ['from', 'then'],
  ])('exponential refuses %s %o', (key, value) => {
    expect(() => exponential({ [key]: value })).toThrow(invalid);
  });

  it('a mistyped setting is refused with the one that was meant', () => {
    expect(() => exponential({ frist: '1s' } as object)).toThrow("did you mean 'first'?");
    expect(() => linear({ first: '1s', stp: '1s' } as { first: '1s' })).toThrow(
      "did you mean 'step'?",
    );
    expect(() => fixed('1s', { jiter: 0 } as object)).toThrow("did you mean 'jitter'?");
  });

  it('a missing or malformed delay is refused', () => {
    expect(() => linear({} as { first: '1s' })).toThrow(
      'linear.first: undefined is not a duration',
    );
    expect(() => exponential({ cap: '1 day' as Duration })).toThrow('exponential.cap');
    expect(() => delays([] as unknown as ['1s'])).toThrow(invalid);
    expect(() => delays(['1s'], { jiter: 0 } as object)).toThrow('delays: unknown option');
    expect(() => linear({ first: '1s', stp: 1 } as { first: '1s' })).toThrow('linear: unknown');
    expect(() => delays([] as unknown as ['1s'])).toThrow('delays must be');
    expect(() => delayAfter(() => 'x' as Duration, 1)).toThrow('retry: "x" is not a duration');
    expect(linear({ first: '1s', from: 'due' }).from).toBe('due');
    expect(() => delays('1s' as unknown as ['1s'])).toThrow(invalid);
    expect(() => delays(['1s', 'x' as Duration])).toThrow('delays[1]');
  });
});
