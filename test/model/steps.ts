import { databaseSteps } from './database-steps.ts';
import { mishaps } from './mishaps.ts';
import { observerSteps } from './observer-steps.ts';
import type { Rules } from './rows.ts';
import type { State } from './state.ts';
import { workerSteps } from './worker-steps.ts';

/** Something that may happen next. */
export interface Step {
  /** The same for steps of one sort, whoever takes them. */
  readonly type: string;
  readonly name: string;
  readonly state: State;
  /** The process that wrote about a job it had claimed, and the job. */
  readonly wrote?: { readonly process: number; readonly job: number };
}

export type Steps = Iterable<Step>;

/** Everything that may happen next without any mishap. */
export function* progress(state: State, rules: Rules): Steps {
  yield* workerSteps(state, rules);
  yield* databaseSteps(state, rules);
  yield* observerSteps(state, rules);
}

/** Everything that may happen next. */
export function* steps(state: State, rules: Rules): Steps {
  yield* progress(state, rules);
  if (state.mishaps > 0) yield* mishaps({ ...state, mishaps: state.mishaps - 1 }, rules);
}
