/** What operators do to jobs, and what became of each. Whether it is allowed stands in `lifecycle.ts`. */
import type { JobState } from '../job.ts';
import type { Json } from '../json.ts';
import type { Executor } from '../transaction.ts';

/** The verbs, in the order in which they are told of. */
export const jobVerbs = ['retry', 'cancel', 'discard', 'reschedule', 'edit', 'delete'] as const;

/** What an operator can do with a job. */
export type JobVerb = (typeof jobVerbs)[number];

/** A verb with all that it needs, judged and completed. */
export type JobCommand =
  | { readonly verb: 'retry' | 'delete' }
  | { readonly verb: 'cancel' | 'discard'; readonly reason: string }
  | { readonly verb: 'reschedule'; readonly at: Date | null; readonly delayMs: number }
  | {
      readonly verb: 'edit';
      /** As it is stored; undefined leaves it. */
      readonly payload: Json | undefined;
      readonly payloadVersion: number | undefined;
      readonly priority: number | undefined;
      readonly queue: string | undefined;
    };

/**
 * What became of one job. `done`: as asked; `state` is what it is now, null when it is deleted. `requested`: it runs, and its
 * handler is told to stop. `running`, `finished`: refused, for it is in that state. `conflict`: another unfinished job of
 * the queue has its unique key. `busy`: somebody holds the row; try again. `missing`: there is no such job.
 */
export type VerbAnswer =
  | { readonly status: 'done'; readonly from: JobState; readonly state: JobState | null }
  | { readonly status: 'finished'; readonly state: JobState }
  | { readonly status: 'requested' | 'running' | 'conflict' | 'busy' | 'missing' };

/** What became of a verb for one job. */
export type VerbStatus = VerbAnswer['status'];

export interface JobOperator {
  /**
   * Applies the command to each of these jobs in one short transaction, or inside `on`, and answers in their order. It
   * waits for no row.
   */
  act(command: JobCommand, ids: readonly string[], on?: Executor): Promise<VerbAnswer[]>;
}
