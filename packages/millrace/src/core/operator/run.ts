/** What running one job by hand takes, and comes to. */
import type { AttemptError, ClaimedJob, FinishedState, JobState } from '../job.ts';

/** What `runJob` takes. */
export interface RunJobOptions {
  /**
   * Undoes everything that the handler did in its transaction and gives the job back as it was; the attempt does not count.
   * For handlers with `transaction` only: nothing else can be undone. Default false.
   */
  readonly rollback?: boolean;
  /** Tells the handler to end, and gives the job back. */
  readonly signal?: AbortSignal;
}

/**
 * What came of running a job by hand. `ran`: its handler was called; `state` is what the job is now, null when nothing
 * of it is kept. Otherwise nothing was done, because the job is in that state, or somebody holds its row (`busy`), or
 * there is no such job.
 */
export type RunJobAnswer =
  | {
      readonly status: 'ran';
      readonly state: JobState | null;
      readonly durationMs: number;
      /** What the handler returned. */
      readonly returned: unknown;
      /** What it threw, or why it was not called. */
      readonly error: AttemptError | null;
    }
  | ClaimRefused;

/** What a claim of one job came to. `dead`: the identity may not claim any more. `newer`: its payload is
 * of a version that is not known here. */
export type JobClaim =
  | { readonly status: 'claimed'; readonly job: ClaimedJob }
  | { readonly status: 'dead' }
  | { readonly status: 'newer' }
  | ClaimRefused;

/** Why a job was not claimed. */
export type ClaimRefused =
  | { readonly status: 'finished'; readonly state: FinishedState }
  | { readonly status: 'running' | 'busy' | 'missing' };

export interface JobClaimer {
  /** Claims this job if it waits, also before it is due. It keeps its due time. */
  claimJob(request: {
    readonly worker: number;
    readonly lease: string;
    readonly id: string;
    /** The newest payload version known. */
    readonly version: number;
  }): Promise<JobClaim>;
}
