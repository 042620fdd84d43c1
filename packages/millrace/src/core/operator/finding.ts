/**
 * Something an operator should know. `problem`: jobs are lost, late or not run, or soon will be. `warning`: all is well
 * so far. `unknown`: it could not be looked at, so nothing is said about it.
 */
export interface Finding {
  readonly severity: 'problem' | 'warning' | 'unknown';
  /** What was looked at; a stable name to match on. */
  readonly check: string;
  /** What is the matter, in one sentence. */
  readonly message: string;
  /** The command or the SQL that mends it; null where there is none to run. */
  readonly mend: string | null;
}
