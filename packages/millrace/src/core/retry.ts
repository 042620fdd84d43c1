import { durationMs, type Duration } from './duration.ts';
import type { Delay } from './lifecycle.ts';
import { check, checkOptions, defaults, retryChecks } from './options.ts';

/**
 * When a failed job runs again, as a plain value that can be stored with the job. `from` says what the delay counts
 * from: `now` (the failure) or `due` (the job's last due time, which may lie in the past, so that late attempts do not
 * push the later ones back).
 */
export type StoredRetryPolicy =
  | {
      readonly type: 'exponential';
      readonly firstMs: number;
      readonly factor: number;
      readonly capMs: number;
      readonly jitter: number;
      readonly from: 'now' | 'due';
    }
  | {
      readonly type: 'linear';
      readonly firstMs: number;
      readonly stepMs: number;
      readonly capMs: number;
      readonly jitter: number;
      readonly from: 'now' | 'due';
    }
  | {
      readonly type: 'delays';
      readonly delaysMs: readonly number[];
      readonly jitter: number;
      readonly from: 'now' | 'due';
    };

/** What a retry function is told about the attempt that failed. */
export interface FailedAttempt {
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** What the handler threw. */
  readonly error: unknown;
}

/** A stored policy, or a function that answers with the delay after this failure. */
export type RetryPolicy = StoredRetryPolicy | ((failed: FailedAttempt) => Duration);

/** What every policy takes. */
export interface RetryOptions {
  /** The longest delay, before jitter. Default 6 hours. */
  readonly cap?: Duration;
  /** The share by which a delay is spread, both ways: 0.1 is ±10 %. Default 0.1. */
  readonly jitter?: number;
  /** What the delay counts from. Default `now`, the moment of the failure. */
  readonly from?: 'now' | 'due';
}

/**
 * Each delay is `factor` times the one before: first, first × factor, first × factor², … up to `cap`.
 * @param options `first` defaults to 15 s, `factor` to 2.
 * @throws MILLRACE_DURATION_INVALID, MILLRACE_OPTION_INVALID
 */
export function exponential(
  options: RetryOptions & { readonly first?: Duration; readonly factor?: number } = {},
): StoredRetryPolicy {
  const { first, factor, cap, jitter, from } = checkOptions(
    retryChecks.exponential,
    options,
    'exponential',
  );
  return {
    type: 'exponential',
    firstMs: first ?? defaults.retry.firstMs,
    factor: factor ?? defaults.retry.factor,
    capMs: cap ?? defaults.retry.capMs,
    jitter: jitter ?? defaults.retry.jitter,
    from: from ?? defaults.retry.from,
  };
}

/**
 * Each delay is `step` longer than the one before; `step` defaults to `first`.
 * @throws MILLRACE_DURATION_INVALID, MILLRACE_OPTION_INVALID
 */
export function linear(
  options: RetryOptions & { readonly first: Duration; readonly step?: Duration },
): StoredRetryPolicy {
  const { step, cap, jitter, from } = checkOptions(retryChecks.linear, options, 'linear');
  const firstMs = durationMs(options.first, 'linear.first');
  return {
    type: 'linear',
    firstMs,
    stepMs: step ?? firstMs,
    capMs: cap ?? defaults.retry.capMs,
    jitter: jitter ?? defaults.retry.jitter,
    from: from ?? defaults.retry.from,
  };
}

/**
 * The same delay after every failure.
 * @throws MILLRACE_DURATION_INVALID, MILLRACE_OPTION_INVALID
 */
export function fixed(delay: Duration, options: Omit<RetryOptions, 'cap'> = {}): StoredRetryPolicy {
  return delays([delay], options);
}

/**
 * The listed delays in order; the last one repeats.
 * @throws MILLRACE_DURATION_INVALID, MILLRACE_OPTION_INVALID
 */
export function delays(
  list: readonly [Duration, ...Duration[]],
  options: Omit<RetryOptions, 'cap'> = {},
): StoredRetryPolicy {
  const delaysMs = check.list(check.duration, 1)(list, 'delays');
  const { jitter, from } = checkOptions(retryChecks.delays, options, 'delays');
  return {
    type: 'delays',
    delaysMs,
    jitter: jitter ?? defaults.retry.jitter,
    from: from ?? defaults.retry.from,
  };
}

/**
 * How long to wait after `failed`. Pure: `random` is a number from 0 to 1 that the caller draws; 0.5 means no jitter.
 * @throws MILLRACE_DURATION_INVALID when a retry function answers with something else than a duration
 */
export function retryDelay(policy: RetryPolicy, failed: FailedAttempt, random: number): Delay {
  if (typeof policy === 'function') return { ms: durationMs(policy(failed), 'retry'), from: 'now' };
  const spread = 1 + policy.jitter * (2 * random - 1);
  return { ms: Math.round(baseMs(policy, failed.attempt) * spread), from: policy.from };
}

function baseMs(policy: StoredRetryPolicy, attempt: number): number {
  const before = Math.max(0, attempt - 1);
  switch (policy.type) {
    case 'exponential':
      // A huge power becomes Infinity, which the cap takes; bounded here so that zero times it stays zero.
      return Math.min(
        policy.capMs,
        policy.firstMs * Math.min(policy.factor ** before, Number.MAX_VALUE),
      );
    case 'linear':
      return Math.min(policy.capMs, policy.firstMs + policy.stepMs * before);
    case 'delays':
      return policy.delaysMs[Math.min(before, policy.delaysMs.length - 1)] as number;
  }
}
