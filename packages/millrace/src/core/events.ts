/**
 * The one vocabulary of what happens. The engine only emits; logs, metrics, traces and everything else subscribe.
 * Durations are milliseconds; ids are texts.
 */
import type { AttemptError, JobState } from './job.ts';

/** The job that an event is about. */
export interface JobRef {
  readonly id: string;
  readonly kind: string;
  readonly queue: string;
  readonly attempt: number;
  /** The trace that the attempt belongs to, where one is known. */
  readonly traceId?: string;
}

/** What the engine tells, and what each event says of it. */
export interface Events {
  'job:enqueued': {
    readonly id: string;
    readonly kind: string;
    readonly queue: string;
    readonly deduplicated: boolean;
    /**
     * Whether a notification was sent for it; false when nobody waited. Null where the database alone knows, as with
     * `enqueueMany`, unique keys, transactions, and jobs that are enqueued in the same turn of the event loop.
     */
    readonly notified: boolean | null;
  };
  /** Somebody asked a running job to stop. */
  'job:cancel-requested': { readonly id: string };

  /** A claim brought jobs. With the next two: three disjoint counts of what a claim came to. */
  'claim:taken': { readonly worker: number; readonly jobs: number; readonly durationMs: number };
  'claim:empty': { readonly worker: number; readonly durationMs: number };
  'claim:failed': {
    readonly worker: number;
    readonly cause: 'serialization' | 'connection' | 'other';
    readonly error: AttemptError;
  };

  'attempt:started': JobRef & {
    /** Since the job was enqueued, and since it became due. */
    readonly sinceEnqueuedMs: number;
    readonly sinceDueMs: number;
    readonly traceparent: string | undefined;
  };
  'attempt:finished': JobRef & {
    /** The state that the outcome leads to; `available` when the job was handed back. */
    readonly state: JobState;
    readonly durationMs: number;
    /** The class of what the handler threw, or empty. */
    readonly exception: string;
    readonly error: AttemptError | null;
  };

  /** A handler completed, but what it returned cannot be kept: the job is completed without a result. */
  'attempt:result-dropped': JobRef & { readonly error: AttemptError };

  /** The database has taken the outcome. */
  'settle:written': { readonly jobs: number; readonly durationMs: number };
  /** An outcome was refused because the job had moved on: it was rescued, or written already. */
  'settle:refused': { readonly id: string; readonly kind: string; readonly lease: string };
  /**
   * Whether an outcome was written cannot be known: the answer was lost, and an outcome of its kind (a snooze, a job given
   * back, a completion that is not kept in the history) leaves no trace. The job has moved on.
   */
  'settle:unknown': { readonly id: string; readonly kind: string; readonly lease: string };
  /** The database could not be reached or answered with an error; the outcomes are kept and tried again. */
  'settle:retried': { readonly jobs: number; readonly tries: number; readonly error: AttemptError };

  'worker:started': {
    readonly worker: number;
    readonly kinds: readonly string[];
    readonly queues: readonly string[];
    readonly concurrency: number;
  };
  'worker:stopped': { readonly worker: number; readonly givenBack: number };
  /** The identity is no longer valid or certain; a new one was taken and the jobs in hand moved to it. */
  'worker:renewed': {
    readonly from: number;
    readonly worker: number;
    readonly reason:
      | 'declared_dead'
      | 'unknown_claim'
      | 'connection_lost'
      | 'leases_used_up'
      | 'unknown_company';
    readonly kept: number;
    readonly lost: number;
  };
  /**
   * The connection of the engine's own sessions goes through a pooler: there are no notifications, and only the heartbeat
   * tells whether a worker lives. Once in a process.
   */
  'session:pooled': Record<never, never>;
  'worker:heartbeat-failed': { readonly worker: number; readonly error: AttemptError };
  /** The channel for notifications is lost, or back. The poll goes on meanwhile. */
  'listener:lost': { readonly error: AttemptError };
  'listener:ready': Record<never, never>;

  /** Jobs are due that no live worker would take: nobody handles their kind, or nobody serves their queue. */
  'jobs:unserved': {
    readonly queue: string;
    readonly kind: string;
    /** The payload version, where workers handle the kind but know only older ones; else null. */
    readonly newerVersion: number | null;
    /** At least so many. */
    readonly jobs: number;
    readonly oldestMs: number;
  };

  /** Nothing of the queue is claimed from now on; or again, as before. Told where somebody asked for it. */
  'queue:paused': { readonly queue: string; readonly by: string; readonly reason: string };
  'queue:resumed': { readonly queue: string };
  /** A worker leaves a kind out of its claims from now on, because `enabled` of its definition says so; or no longer. */
  'kind:held': { readonly worker: number; readonly kind: string; readonly held: boolean };
  /**
   * Nobody could say what a flag is: the last known answer holds, or the fallback. Of `enabled` it is told once until there
   * is an answer again, of what a handler asks for each time.
   */
  'flag:failed': { readonly flag: string; readonly kind: string; readonly error: AttemptError };

  /** A worker was found dead. `crashed`: its session ended before the eyes of another; otherwise it fell silent. */
  'worker:died': {
    readonly worker: number;
    readonly host: string;
    readonly pid: number;
    readonly crashed: boolean;
  };
  /** The event loop of another process stands still; once for each block. Its jobs are its own, for it is alive. */
  'worker:blocked': {
    readonly host: string;
    readonly pid: number;
    /** By the database's clock. */
    readonly since: Date;
    /** The jobs whose handlers run there. */
    readonly jobs: readonly JobRef[];
  };
  /** A job was taken from a dead worker; `discarded`: it is quarantined, for it keeps ending its process. */
  'job:rescued': JobRef & { readonly state: JobState };
  /**
   * A job that may have ended its process waits to be alone; until it has run, or is put off, nothing else starts here.
   */
  'suspect:waiting': JobRef & { readonly longestMs: number };
  /** Others ran for too long; it is claimed again after the delay. */
  'suspect:put-off': JobRef & { readonly delayMs: number };

  'schedule:fired': {
    readonly schedule: string;
    readonly kind: string;
    readonly fireTime: Date;
    readonly jobId: string;
    readonly lateMs: number;
  };
  'schedule:skipped': { readonly schedule: string; readonly until: Date };
  'schedule:failed': { readonly schedule: string; readonly error: AttemptError };

  'partition:created': { readonly partition: string };
  'partition:dropped': { readonly partition: string };

  /** The event loop of this process stood still, and goes on again. One of these handlers is what it waited for. */
  'loop:blocked': {
    readonly durationMs: number;
    /** Those that ended meanwhile come first, then those that run. */
    readonly jobs: readonly JobRef[];
  };
  /** The thread that watches the event loop is missing, or cannot reach the database while the loop stands still. */
  'loop:unwatched': { readonly error: AttemptError };
  /** A background loop failed; it goes on. */
  'loop:failed': { readonly loop: string; readonly error: AttemptError };
  /** A subscriber was too slow; these many events were not delivered to it. */
  'events:dropped': { readonly subscriber: string; readonly events: number };
}

/** The name of an event. */
export type EventName = keyof Events;

/** An event as subscribers get it. */
export type MillraceEvent = {
  [Name in EventName]: { readonly name: Name; readonly data: Events[Name]; readonly atMs: number };
}[EventName];

/** How services emit. Never throws and never waits. */
export type Emit = <Name extends EventName>(name: Name, data: Events[Name]) => void;
