/**
 * Every option of Millrace: its default and the check it must pass. The interfaces that document them stand beside the
 * functions that take them; this module is where their values are judged and completed.
 */
import { durationMs, maxDurationMs, type Duration } from './duration.ts';
import { MillraceError } from './errors.ts';
import { jobStates, type JobState } from './job.ts';
import type { HistoryPolicy } from './lifecycle.ts';
import type { RetryPolicy, StoredRetryPolicy } from './retry.ts';
import { show } from './text.ts';

const mebibyte = 1024 * 1024;
const day = 86_400_000;

/** The values that hold where nobody says otherwise. */
export const defaults = {
  schema: 'millrace',
  queue: 'default',
  priority: 0,
  maxAttempts: 20,
  retry: {
    type: 'exponential',
    firstMs: 15_000,
    factor: 2,
    capMs: 0.25 * day,
    jitter: 0.1,
    from: 'now',
  },
  history: 'all' as HistoryPolicy,
  concurrency: 10,
  stopGraceMs: 25_000,
  isolateMemoryMb: 512,
  isolateKillAfterMs: 1_000,
  payloadMaxBytes: mebibyte,
  resultMaxBytes: 64 * 1024,
  errorMaxBytes: 16 * 1024,
  attemptsShown: 25,
  listLimit: 50,
  searchMs: 300,
  bulkChunk: 500,
  completedRetentionMs: 7 * day,
  failedRetentionMs: 30 * day,
} as const;

/** The range of priorities: higher runs first. */
export const priorities = { lowest: -32, highest: 32 } as const;

/** The most attempts a job can be given: they are counted in 16 bits. */
const maxAttemptsLimit = 32_767;

type Check<T> = (value: unknown, what: string) => T;
type Checks = Readonly<Record<string, Check<unknown>>>;
type Checked<C extends Checks> = { [Key in keyof C]?: C[Key] extends Check<infer T> ? T : never };

/**
 * Judges an options object: unknown names are refused with the nearest known one, values are checked, undefined is as
 * good as absent.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID
 */
export function checkOptions<C extends Checks>(
  checks: C,
  input: unknown,
  what: string,
): Checked<C> {
  if (typeof input !== 'object' || input === null) throw invalid(what, 'an object', input);
  const checked: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(input)) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check === undefined) {
      const near = nearest(key, Object.keys(checks));
      const hint = near === undefined ? '' : `; did you mean '${near}'?`;
      throw new MillraceError('MILLRACE_OPTION_UNKNOWN', `${what}: unknown option '${key}'${hint}`);
    }
    if (value !== undefined) checked[key] = check(value, `${what}.${key}`);
  }
  return checked as Checked<C>;
}

function invalid(what: string, expected: string, value: unknown): MillraceError {
  return new MillraceError(
    'MILLRACE_OPTION_INVALID',
    `${what} must be ${expected}, not ${show(value)}`,
  );
}

/** The checks that options are made of. */
export const check = {
  any: ((value) => value) as Check<unknown>,
  boolean: ((value, what) => {
    if (typeof value !== 'boolean') throw invalid(what, 'true or false', value);
    return value;
  }) as Check<boolean>,
  duration: ((value, what) => durationMs(value as Duration, what)) as Check<number>,
  /** A duration of at least one millisecond. */
  positiveDuration: ((value, what) => {
    const ms = durationMs(value as Duration, what);
    if (ms === 0) throw invalid(what, 'longer than zero', value);
    return ms;
  }) as Check<number>,
  number:
    (from: number, to: number): Check<number> =>
    (value, what) => {
      if (typeof value !== 'number' || !(value >= from && value <= to)) {
        throw invalid(what, `a number from ${from} to ${to}`, value);
      }
      return value;
    },
  whole:
    (from: number, to: number): Check<number> =>
    (value, what) => {
      if (!Number.isSafeInteger(value) || (value as number) < from || (value as number) > to) {
        throw invalid(what, `a whole number from ${from} to ${to}`, value);
      }
      return value as number;
    },
  text:
    (maxLength: number): Check<string> =>
    (value, what) => {
      if (typeof value !== 'string' || value === '' || value.length > maxLength) {
        throw invalid(what, `text of 1 to ${maxLength} characters`, value);
      }
      if (value.includes('\u0000') || !value.isWellFormed()) {
        throw invalid(what, 'text without NUL and lone surrogates', value);
      }
      return value;
    },
  list:
    <T>(item: Check<T>, least = 0): Check<readonly T[]> =>
    (value, what) => {
      if (!Array.isArray(value) || value.length < least) {
        throw invalid(what, least === 0 ? 'a list' : `a list of ${least} or more`, value);
      }
      return Array.from(value, (element, index) => item(element, `${what}[${index}]`));
    },
  oneOf:
    <const T extends string>(...allowed: readonly T[]): Check<T> =>
    (value, what) => {
      if (!allowed.includes(value as T)) {
        throw invalid(what, allowed.map((item) => `'${item}'`).join(' or '), value);
      }
      return value as T;
    },
  states: ((value, what) => {
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    return list.map((state) => check.oneOf(...jobStates)(state, what));
  }) as Check<readonly JobState[]>,
  function: ((value, what) => {
    if (typeof value !== 'function') throw invalid(what, 'a function', value);
    return value as (...args: never[]) => unknown;
  }) as Check<(...args: never[]) => unknown>,
  date: ((value, what) => {
    const date = typeof value === 'string' ? new Date(value) : value;
    // An invalid date has the year NaN, which is in no range.
    const year = date instanceof Date ? date.getUTCFullYear() : Number.NaN;
    if (!(year >= 1 && year <= 9_999))
      throw invalid(what, 'a valid date of the years 1 to 9999', value);
    return date as Date;
  }) as Check<Date>,
  /** A policy with all its settings, so that no attempt ever meets one that answers with no number. */
  storedRetry: ((value, what) => {
    if (typeof value === 'function') {
      throw new MillraceError(
        'MILLRACE_OPTION_INVALID',
        `${what}: a function cannot be stored with a job; put it into the definition`,
      );
    }
    const checks = storedRetryChecks.get((value as StoredRetryPolicy | null)?.type);
    const complete =
      checks !== undefined &&
      Object.keys(checks).every((key) => Object.hasOwn(value as object, key));
    if (!complete) throw invalid(what, retryForms, value);
    checkOptions(checks, value, what);
    return value as StoredRetryPolicy;
  }) as Check<StoredRetryPolicy>,
  retry: ((value, what) =>
    typeof value === 'function' ? value : check.storedRetry(value, what)) as Check<RetryPolicy>,
} as const;

const retryForms = 'exponential(…), linear(…), fixed(…) or delays(…)';

const retryOptions = {
  jitter: check.number(0, 1),
  from: check.oneOf('now', 'due'),
} as const;

/** What the functions take that make retry policies. */
export const retryChecks = {
  exponential: {
    ...retryOptions,
    cap: check.duration,
    first: check.duration,
    factor: check.number(1, Number.MAX_VALUE),
  },
  linear: { ...retryOptions, cap: check.duration, first: check.duration, step: check.duration },
  delays: retryOptions,
} as const;

const storedRetryOptions = { ...retryOptions, type: check.any } as const;
const ms = check.whole(0, maxDurationMs);

/** What they make. */
const storedRetryChecks = new Map<unknown, Checks>([
  [
    'exponential',
    { ...storedRetryOptions, firstMs: ms, factor: retryChecks.exponential.factor, capMs: ms },
  ],
  ['linear', { ...storedRetryOptions, firstMs: ms, stepMs: ms, capMs: ms }],
  ['delays', { ...storedRetryOptions, delaysMs: check.list(ms, 1) }],
]);

/** Names of kinds, queues and keys: printable anywhere, and short enough for every index. */
const name = check.text(200);

/** PostgreSQL cuts longer names off without a word. */
const schemaName: Check<string> = (value, what) => {
  const text = check.text(63)(value, what);
  if (new TextEncoder().encode(text).length > 63)
    throw invalid(what, 'at most 63 bytes long', value);
  return text;
};

export const queueName = name;

/** What a job definition and an enqueue call have in common. */
const jobChecks = {
  queue: name,
  priority: check.whole(priorities.lowest, priorities.highest),
  maxAttempts: check.whole(1, maxAttemptsLimit),
  timeout: check.positiveDuration,
} as const;

export const definitionChecks = {
  ...jobChecks,
  kind: name,
  payload: check.any,
  version: check.whole(1, 2_147_483_647),
  upgrade: check.any,
  retry: check.retry,
  history: check.oneOf('all', 'failures', 'none'),
  enabled: check.any,
  transaction: check.any,
  isolate: check.any,
  schedule: check.any,
  use: check.any,
  handler: check.function,
} as const;

export const enqueueChecks = {
  ...jobChecks,
  tx: check.any,
  retry: check.storedRetry,
  delay: check.duration,
  scheduledAt: check.date,
  tags: check.list(check.text(200)),
  uniqueKey: check.text(500),
} as const;

export const transactionChecks = {
  isolation: check.oneOf('read committed', 'repeatable read', 'serializable'),
} as const;

export const isolateChecks = {
  in: check.oneOf('thread', 'process'),
  module: check.any,
  memoryMb: check.whole(16, 65_536),
  killAfter: check.duration,
} as const;

export const scheduleChecks = {
  name,
  at: check.any,
  payload: check.function,
  missed: check.any,
  runOnStart: check.boolean,
} as const;

/** Of calls that may join a transaction. */
export const joinChecks = {
  tx: check.any,
} as const;

export const cancelChecks = {
  ...joinChecks,
  reason: check.text(1_000),
} as const;

export const pauseChecks = {
  by: check.text(200),
  reason: check.text(1_000),
} as const;

export const missedChecks = {
  all: check.duration,
} as const;

export const cronChecks = {
  timeZone: check.any,
} as const;

export const millraceChecks = {
  connection: check.any,
  directConnection: check.any,
  schema: schemaName,
  jobs: check.any,
  use: check.any,
  logger: check.any,
  flags: check.any,
  payloadMaxBytes: check.whole(1, 256 * mebibyte),
  resultMaxBytes: check.whole(1, 256 * mebibyte),
  completedRetention: check.duration,
  failedRetention: check.duration,
  onProcessStart: check.function,
  captureLogs: check.any,
} as const;

export const workerChecks = {
  concurrency: check.whole(1, 10_000),
  queues: check.any,
  handlers: check.any,
  stopGrace: check.duration,
} as const;

export const stopChecks = {
  grace: check.duration,
} as const;

export const schedulerChecks = {
  jobs: check.any,
} as const;

export const supervisorChecks = {
  module: check.any,
  args: check.list(check.any),
  execArgv: check.list(check.any),
  env: check.any,
  processes: check.whole(1, 1_000),
  maxMemoryBytes: check.whole(mebibyte, Number.MAX_SAFE_INTEGER),
  maxJobs: check.whole(1, Number.MAX_SAFE_INTEGER),
  readyWithinMs: check.whole(1, maxDurationMs),
  listen: check.text(300),
  onEvent: check.function,
} as const;

export const schedulesChecks = {
  next: check.whole(0, 100),
} as const;

export const fireScheduleChecks = {
  by: pauseChecks.by,
} as const;

export const tailChecks = {
  kind: name,
  queue: name,
  signal: check.any,
} as const;

const roleNames = check.list(check.text(63), 1);

export const grantsChecks = { producer: roleNames, worker: roleNames, reader: roleNames } as const;

export const queueChecks = {
  concurrency: check.whole(1, 10_000),
} as const;

/** The known name that a mistyped one most likely means, or undefined when none is close. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({
      candidate,
      distance: distance(given.toLowerCase(), candidate.toLowerCase()),
    }))
    .toSorted((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.floor(given.length / 3))
    ? best.candidate
    : undefined;
}

/** The edit distance of Levenshtein, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  let left = b.length;
  for (const [i, letter] of Array.from(a).entries()) {
    let corner = i;
    left = i + 1;
    row = row.map((above, j) => {
      const substitute = corner + (letter === b[j - 1] ? 0 : 1);
      if (j > 0) left = Math.min(left + 1, above + 1, substitute);
      corner = above;
      return left;
    });
  }
  return left;
}
