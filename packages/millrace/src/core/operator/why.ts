import type { AttemptError, JobState } from '../job.ts';

/** A process that serves the queue of the job, or ran the job. */
export interface WhyWorker {
  readonly no: number;
  readonly host: string;
  readonly pid: number;
  /** When it last gave a sign of life. */
  readonly seenAt: Date;
  /** How many jobs run there at once; null where an older release does not say. */
  readonly concurrency: number | null;
  /** How many ran there at its last heartbeat; null where an older release does not say. */
  readonly running: number | null;
  readonly queues: readonly string[];
  readonly kinds: readonly string[];
  /** The newest payload version that it knows of each kind; null where an older release does not say, and takes any. */
  readonly versions: readonly number[] | null;
  readonly heldKinds: readonly string[];
  readonly blockedSince: Date | null;
  /** The job that runs there with nothing else in the process. */
  readonly alone: string | null;
}

/** A count that stops somewhere: `atLeast` says that there may be more. */
export interface Count {
  readonly count: number;
  readonly atLeast: boolean;
}

/** All that is known of a job, read at one moment. Pure functions make the reason of it. */
export interface WhyFacts {
  readonly now: Date;
  readonly job: {
    readonly id: string;
    readonly kind: string;
    /** Which version of the definition made its payload. */
    readonly payloadVersion: number;
    readonly queue: string;
    readonly priority: number;
    readonly state: JobState;
    readonly attempt: number;
    readonly maxAttempts: number;
    readonly crashes: number;
    readonly createdAt: Date;
    /** When it is to be claimed, as far as it waits. */
    readonly runAt: Date | null;
    readonly claimedAt: Date | null;
    readonly finishedAt: Date | null;
    readonly reason: string | null;
    /** Where it ran last, as `host:pid`, if it is finished. */
    readonly ranOn: string | null;
    readonly cancelRequested: boolean;
  };
  /** The last attempt that did not complete. */
  readonly lastAttempt: {
    readonly attempt: number;
    readonly ending: string;
    readonly endedAt: Date;
    readonly error: AttemptError | null;
  } | null;
  readonly pause: { readonly at: Date; readonly by: string; readonly reason: string } | null;
  /** Who serves the queue, whichever kinds. */
  readonly workers: readonly WhyWorker[];
  /** Who claimed it; null when nobody has, or that worker is no longer registered. */
  readonly owner: WhyWorker | null;
  /**
   * Of a running job: those before it in its lane that the same worker has claimed too and has not settled. 0 where
   * counting was given up.
   */
  readonly claimedBefore: number;
  /** Of a due job: due ones of higher priority, and earlier ones in the same lane, of kinds that somebody serves. Null where counting was given up. */
  readonly ahead: { readonly higher: Count; readonly earlier: Count } | null;
  /** The last that served the kind in this queue, where nobody does any more and it is known. */
  readonly lastServed: { readonly host: string; readonly pid: number; readonly at: Date } | null;
}

/** Why a job is where it is. */
export interface Why {
  readonly id: string;
  /** Stable; match on it rather than on the sentence. */
  readonly code: WhyCode;
  readonly sentence: string;
  /** What the sentence is made of; dates are ISO 8601, durations milliseconds. */
  readonly evidence: Readonly<Record<string, WhyValue>>;
}

/** One piece of evidence. */
export type WhyValue = string | number | boolean | null | readonly string[];

/** Each thing that can be the reason why a job is where it is. */
export type WhyCode =
  | 'completed'
  | 'discarded'
  | 'cancelled'
  | 'owner_gone'
  | 'suspect_in_hand'
  | 'in_hand'
  | 'blocked'
  | 'running'
  | 'suspect_put_off'
  | 'retry_later'
  | 'due_later'
  | 'queue_paused'
  | 'newer_version'
  | 'unserved'
  | 'held_by_flag'
  | 'behind'
  | 'uncounted'
  | 'workers_busy'
  | 'suspect'
  | 'passed_by'
  | 'due_now';

/** Reads the facts of one job; null when there is no such job. */
export interface WhyReader {
  facts(id: string): Promise<WhyFacts | null>;
}
