import type { UnservedJobs } from '../storage.ts';

/** What waits in one queue. */
export interface QueueBacklog {
  readonly queue: string;
  /** Unfinished jobs, running ones included. Exact while there are few, an estimate of the planner's beyond. */
  readonly jobs: number;
  /** Those that are due and run nowhere. */
  readonly due: number;
  /** For how long the oldest of them has been due; null when there is none. */
  readonly oldestDueMs: number | null;
}

/** What waits in the database. */
export interface Backlog {
  readonly queues: readonly QueueBacklog[];
  /** Due jobs that no live worker would take. */
  readonly unserved: readonly UnservedJobs[];
}

/** Reads it without ever counting a long queue. */
export interface BacklogReader {
  /** @throws MILLRACE_DB_… */
  backlog(): Promise<Backlog>;
}
