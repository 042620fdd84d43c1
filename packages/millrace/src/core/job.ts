import type { Json } from './json.ts';
import type { JobProgress } from './progress.ts';
import type { StoredRetryPolicy } from './retry.ts';

/** Where a job is in its life. The table of what leads where is `lifecycle.ts`. */
export const jobStates = [
  'scheduled',
  'available',
  'running',
  'retryable',
  'completed',
  'cancelled',
  'discarded',
] as const;

/** Where a job is in its life: a final state is `completed`, `cancelled` or `discarded`. */
export type JobState = (typeof jobStates)[number];

/** A finished job never changes again unless somebody retries it by hand. */
export type FinishedState = 'completed' | 'cancelled' | 'discarded';

export function isFinished(state: JobState): state is FinishedState {
  return state === 'completed' || state === 'cancelled' || state === 'discarded';
}

/** What a stored job looks like to everybody who reads it: the API, the command line, handlers. */
export interface Job {
  /** A 64-bit number as text, so that no reader loses digits. */
  readonly id: string;
  readonly kind: string;
  readonly state: JobState;
  readonly queue: string;
  /** −32 to 32; higher runs first. */
  readonly priority: number;
  /** How many attempts have begun and count. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /**
   * How often a process died with this job in hand; such an attempt does not count. From 2 on the job runs with nothing
   * else in its process, and only deaths meanwhile are counted; the third one quarantines it.
   */
  readonly crashes: number;
  readonly payload: Json;
  readonly tags: readonly string[];
  readonly uniqueKey: string | null;
  readonly createdAt: Date;
  /** The logical due time; it may lie in the past. */
  readonly scheduledAt: Date;
  /** When the current or last attempt was claimed. */
  readonly claimedAt: Date | null;
  readonly finishedAt: Date | null;
  /** What the handler of a completed job returned. */
  readonly result: Json;
  /** Why a job was cancelled or discarded. */
  readonly reason: string | null;
  /** True while a running job has been asked to stop. */
  readonly cancelRequested: boolean;
  /** What its handler last said by `progress`, in whichever attempt. Only `get` fills it. */
  readonly progress: JobProgress | null;
  /** Attempts that did not complete, or whose lines were kept, oldest first, at most the last 25. Only `get` fills it. */
  readonly attempts: readonly AttemptRecord[];
}

/** How an attempt ended; `completed` only where lines of it are kept. */
export type AttemptEnding = 'completed' | 'failed' | 'crashed' | 'cancelled' | 'discarded';

/** One attempt that did not complete, or of which lines are kept. */
export interface AttemptRecord {
  readonly attempt: number;
  readonly ending: AttemptEnding;
  readonly startedAt: Date | null;
  readonly endedAt: Date;
  /** `host:pid` of the process, as it registered. */
  readonly worker: string | null;
  readonly error: AttemptError | null;
  /** What its handler logged last, where `captureLogs` is on. */
  readonly logs: readonly LogLine[];
}

/** A line that a handler wrote through `context.logger`. */
export interface LogLine {
  readonly at: Date;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  /** Text, where they are too long or cannot be stored as they are. */
  readonly details: Json;
}

/** An error as it is stored: bounded, plain text. */
export interface AttemptError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: AttemptError;
}

/** What a job carries only where it differs from its definition. */
export interface JobPolicy {
  readonly retry?: StoredRetryPolicy;
  readonly timeoutMs?: number;
}

/** What rides along with a job and is never searched: the trace it was enqueued in, its tags. */
export interface JobMeta {
  readonly tags?: readonly string[];
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** The schedule that made it. */
  readonly schedule?: string;
}

/** A job as the worker that claimed it holds it. */
export interface ClaimedJob {
  readonly id: string;
  /** The number of this claim; every later write about the job names it. */
  readonly lease: string;
  readonly kind: string;
  readonly queue: string;
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly crashes: number;
  /** Times by the database's clock, in milliseconds since 1970. */
  readonly createdMs: number;
  readonly scheduledMs: number;
  readonly claimedMs: number;
  readonly payload: Json;
  /** Which version of the definition made the payload. */
  readonly payloadVersion: number;
  readonly meta: JobMeta;
  readonly policy: JobPolicy;
}

/** Ids are positive 64-bit numbers; anything else cannot name a job. */
export function isJobId(id: string): boolean {
  return (
    typeof id === 'string' && /^\d{1,19}$/.test(id) && BigInt(id) <= 9_223_372_036_854_775_807n
  );
}
