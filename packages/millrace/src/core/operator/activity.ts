/** What happens to jobs, as whoever follows it sees it, and the port to it. */
import type { AttemptError } from '../job.ts';

/** What `tail` takes. */
export interface TailOptions {
  /** Only jobs of this kind. */
  readonly kind?: string;
  /** Only jobs of this queue. */
  readonly queue?: string;
  /** Ends the loop; it does not throw. */
  readonly signal?: AbortSignal;
}

/** Something that happened to a job. */
export interface JobActivity {
  /** By the database's clock. */
  readonly at: Date;
  /** `failed`: another attempt follows. `crashed`: its process died or fell silent; it runs again elsewhere. */
  readonly event:
    | 'enqueued'
    | 'started'
    | 'failed'
    | 'crashed'
    | 'completed'
    | 'cancelled'
    | 'discarded';
  readonly id: string;
  /** Null where neither the job nor its history is kept any more. */
  readonly kind: string | null;
  readonly queue: string | null;
  /** 0 before the first. */
  readonly attempt: number;
  /** `host:pid` of the process, where it is known. */
  readonly worker: string | null;
  /** How long the attempt took; null where none has ended. */
  readonly durationMs: number | null;
  /** Why it was cancelled or discarded. */
  readonly reason: string | null;
  readonly error: AttemptError | null;
}

/** Which jobs are followed. */
export interface ActivityFilter {
  readonly kind: string | undefined;
  readonly queue: string | undefined;
}

/**
 * Up to where everything has been committed. `safeUs`: whoever commits after this moment writes no earlier time than this,
 * in microseconds since 1970. `newestId`: of the jobs that can be seen.
 */
export interface Horizon {
  readonly nowUs: bigint;
  readonly safeUs: bigint;
  readonly newestId: bigint;
}

/** A place among what has ended, behind which a page begins: microseconds since 1970, and a job. */
export interface ActivityPlace {
  readonly us: bigint;
  readonly id: bigint;
}

/** A row that tells of the end of an attempt or a job, and thereby of its beginning. */
export interface EndedActivity {
  readonly place: ActivityPlace;
  readonly activity: JobActivity;
  readonly createdAt: Date | null;
  readonly claimedAt: Date | null;
}

/** An attempt that is under way. */
export interface RunningActivity {
  readonly activity: JobActivity;
  readonly claimedAt: Date;
}

export interface ActivityReader {
  /** `overlapMs`: how far the safe time lies back at least. */
  horizon(overlapMs: number): Promise<Horizon>;
  /** Jobs that finished, in the order of their places; at most `limit`. */
  finished(
    after: ActivityPlace,
    filter: ActivityFilter,
    limit: number,
  ): Promise<readonly EndedActivity[]>;
  /** Attempts that failed or crashed, likewise. */
  attempts(
    after: ActivityPlace,
    filter: ActivityFilter,
    limit: number,
  ): Promise<readonly EndedActivity[]>;
  /** Unfinished jobs with a larger id, in the order of their ids; at most `limit`. */
  enqueued(afterId: bigint, filter: ActivityFilter, limit: number): Promise<readonly JobActivity[]>;
  /** What runs, among the first jobs of each lane; null when it takes too long to find that out. */
  running(filter: ActivityFilter): Promise<readonly RunningActivity[] | null>;
}
