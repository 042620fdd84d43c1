import { check } from '../core/options.ts';
import { crashPoints } from './life.ts';

const runChecks = {
  collect: check.boolean,
  concurrency: check.whole(1, 1_000),
  handlers: check.any,
  limit: check.whole(1, 10_000_000),
} as const;

export const drainChecks = { ...runChecks, crashAt: check.oneOf(...crashPoints) } as const;

export const simulateChecks = {
  ...runChecks,
  for: check.duration,
  until: check.date,
  onTime: check.function,
} as const;

export const runJobChecks = {
  id: check.text(19),
  attempt: check.whole(1, 32_767),
  maxAttempts: check.whole(1, 32_767),
  tags: check.list(check.text(200)),
  createdAt: check.date,
  scheduledAt: check.date,
  signal: check.any,
  logger: check.any,
  flags: check.any,
  use: check.any,
  tx: check.any,
} as const;

export const assertEnqueuedChecks = {
  payload: check.any,
  count: check.whole(0, 1_000_000),
  state: check.states,
  queue: check.text(200),
  priority: check.whole(-32, 32),
  tags: check.list(check.text(200)),
  uniqueKey: check.text(500),
  delay: check.duration,
  scheduledAt: check.date,
} as const;

export const testDatabaseChecks = {
  server: check.text(2_000),
  schema: check.text(63),
  prepare: check.function,
} as const;

/** The values that hold where nobody says otherwise. */
export const testingDefaults = { concurrency: 1, limit: 10_000 } as const;
