import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { TriedAttempt } from './ledger.ts';

/** What `drain` and `simulate` have in common. */
export interface RunOptions {
  /**
   * What becomes of the error of a failed attempt. `false`: it is thrown, as soon as the attempt is settled. `true`: it is
   * among `errors` of the result, and all goes on. Default `false`.
   */
  readonly collect?: boolean;
  /** How many jobs run at the same time. Default 1: one after the other, in the order of the queue. */
  readonly concurrency?: number;
  /** The definitions to run, with their handlers. Default: those in `jobs` of createMillrace that have one. */
  readonly handlers?: readonly AnyJobDefinition[];
  /** More attempts than this count as endless. Default 10,000. */
  readonly limit?: number;
}

/** What `drain` came to. */
export interface RunResult {
  /** Every attempt, in the order in which they were settled. */
  readonly attempts: readonly TriedAttempt[];
  /** What went wrong, with `collect`: the very objects that handlers threw. */
  readonly errors: readonly unknown[];
  /** Due jobs that were not run: no handler here knows them, or they may not run now. */
  readonly left: readonly DueJobs[];
}

/** Due jobs of one queue and kind. */
export interface DueJobs {
  readonly queue: string;
  readonly kind: string;
  readonly jobs: number;
}
