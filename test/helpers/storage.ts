import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../packages/millrace/src/core/clock.ts';
import type { ClaimedJob } from '../../packages/millrace/src/core/job.ts';
import type { PageRequest } from '../../packages/millrace/src/core/operator/job-search.ts';
import type {
  ClaimRequest,
  Completion,
  Identity,
  NewJob,
  WorkSession,
} from '../../packages/millrace/src/core/storage.ts';
import { clientConfig } from '../../packages/millrace/src/storage/connection.ts';
import { namesOf } from '../../packages/millrace/src/storage/names.ts';
import { PgStorage } from '../../packages/millrace/src/storage/pg-storage.ts';
import { Pool } from '../../packages/millrace/src/storage/pool.ts';
import { Route } from '../../packages/millrace/src/storage/route.ts';

const realClock: Clock = {
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The storage of a database, without anything above it. */
export function openStorage(
  url: string,
  schema = 'millrace',
  { onPooled = () => {}, clock = realClock }: { onPooled?: () => unknown; clock?: Clock } = {},
): PgStorage {
  const config = clientConfig(url);
  return new PgStorage({
    names: namesOf(schema),
    pool: new Pool(() => config),
    direct: new Route(() => config, onPooled),
    clock,
    label: 'test:1',
  });
}

export function newJob(rest: Partial<NewJob> = {}): NewJob {
  return {
    kind: 'test',
    queue: 'default',
    priority: 0,
    maxAttempts: 3,
    payload: {},
    meta: {},
    policy: {},
    uniqueKey: undefined,
    delayMs: undefined,
    scheduledAt: undefined,
    ...rest,
  };
}

export function identity(no: number, rest: Partial<Identity> = {}): Identity {
  return {
    no,
    boot: randomUUID(),
    role: 'worker',
    host: 'host',
    pid: 1,
    version: '0.0.0',
    kinds: ['test'],
    queues: ['default'],
    schedules: [],
    ...rest,
  };
}

export function leaseOf(no: number, count: number): string {
  return String(BigInt(no) * 2n ** 32n + BigInt(count));
}

/** Claims as a registered worker would. */
export async function claim(
  session: WorkSession,
  no: number,
  count: number,
  rest: Partial<ClaimRequest> = {},
): Promise<readonly ClaimedJob[]> {
  return (await session.claim({ ...claimRequest(no, count), ...rest })).jobs;
}

/** A claim of all that there is in the default queue. */
export function claimRequest(no: number, count: number): ClaimRequest {
  return {
    worker: no,
    lease: leaseOf(no, count),
    kinds: ['test'],
    queues: [{ queue: 'default', limit: 100 }],
    limit: 100,
    everywhere: 'yes',
    completed: [],
  };
}

/** The time until the next job of a queue becomes due, as a worker without work asks for it. */
export async function nextDueMs(
  session: WorkSession,
  no: number,
  count: number,
  queue = 'default',
) {
  const queues = [{ queue, limit: 1 }];
  const nothing = { kinds: [], queues, limit: 1, everywhere: 'yes', completed: [] } as const;
  return (await session.claim({ worker: no, lease: leaseOf(no, count), ...nothing })).dueInMs;
}

export const completed: Completion['settlement'] = {
  type: 'finish',
  state: 'completed',
  result: null,
  reason: null,
  error: null,
  keep: true,
};

/** The first page, however long it takes to find. */
export function wholePage(limit: number): PageRequest {
  return { limit, cursor: undefined, budgetMs: 60_000 };
}
