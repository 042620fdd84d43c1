/**
 * What each step may do to a job's row, as functions from row to row. The exploration of the protocol and the suite that
 * every storage must pass both stand on this.
 */

import { isSuspect } from '../../packages/millrace/src/core/suspect.ts';

/** The safeguards of the protocol. Each can be left out, to see what it is for. */
export interface Rules {
  /** An incarnation that was given up or declared dead is remembered, and takes nothing any more. */
  readonly tombstones: boolean;
  /** Rescue takes whatever runs under nobody who is registered, at any time, instead of once when somebody dies. */
  readonly rescueOfRows: boolean;
  /** No incarnation ever gets a number that another one had. */
  readonly freshNumbers: boolean;
  /** A settlement looks at the lease. */
  readonly settleByLease: boolean;
  /** A settlement looks at the state. */
  readonly settleByState: boolean;
  /** A row that waits again remembers no lease. */
  readonly leaseForgotten: boolean;
  /** Rescue looks again, once it has the row, at the lease that it found the row under. */
  readonly rescueByLease: boolean;
  /** What was seen before the observer's own session proves nothing. */
  readonly graceOfObserver: boolean;
  /** After a doubt the worker moves to a new incarnation what it has in hand, instead of taking the old one up again. */
  readonly transfer: boolean;
  /** Of a job that is in hand twice, because it was lost and claimed again, only the later claim is moved. */
  readonly laterOfTwo: boolean;
  /** While in doubt, a worker gives signs of life also for incarnations that its jobs may have been moved to. */
  readonly stampsTried: boolean;
}

export const mended: Rules = {
  tombstones: true,
  rescueOfRows: true,
  freshNumbers: true,
  settleByLease: true,
  settleByState: true,
  leaseForgotten: true,
  rescueByLease: true,
  graceOfObserver: true,
  transfer: true,
  laterOfTwo: true,
  stampsTried: true,
};

export type RowState = 'waiting' | 'running' | 'completed' | 'cancelled' | 'discarded';

/** A job as the database holds it, with what stands in the history and among the attempts. */
export interface Row {
  readonly state: RowState;
  /** 0 when there is none. */
  readonly lease: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly crashes: number;
  readonly cancelRequested: boolean;
  readonly endings: readonly { readonly lease: number; readonly ending: string }[];
}

/** What an attempt came to. */
export type Outcome = 'complete' | 'fail' | 'snooze' | 'discard' | 'giveBack';

export const newRow: Row = {
  state: 'waiting',
  lease: 0,
  attempt: 0,
  maxAttempts: 2,
  crashes: 0,
  cancelRequested: false,
  endings: [],
};

/** As in the database: the incarnation, and the number of its claim. */
export const leaseOf = (no: number, count: number): number => no * 2 ** 32 + count;
export const noOf = (lease: number): number => Math.floor(lease / 2 ** 32);

export const isFinished = ({ state }: Row): boolean => state !== 'waiting' && state !== 'running';

/** The fence: every write about a claimed job names the lease it was claimed under. */
export function isHeldUnder(row: Row, lease: number): boolean {
  return row.state === 'running' && row.lease === lease;
}

/** Only what waits can be claimed. */
export function claimed<R extends Row>(row: R, lease: number): R {
  return row.state === 'waiting'
    ? { ...row, state: 'running', lease, attempt: row.attempt + 1 }
    : row;
}

/** The row as it was, and not a copy, when the lease is not its own. */
export function settled<R extends Row>(
  row: R,
  lease: number,
  outcome: Outcome,
  rules: Rules = mended,
): R {
  const passes =
    (!rules.settleByLease || row.lease === lease) &&
    (rules.settleByState ? row.state === 'running' : !isFinished(row));
  if (!passes) return row;
  const ended = (state: RowState, ending: string): R => ({
    ...row,
    state,
    cancelRequested: false,
    endings: ending === '' ? row.endings : [...row.endings, { lease, ending }],
  });
  const waiting = (attempt: number, ending: string): R =>
    row.cancelRequested
      ? ended('cancelled', ending)
      : { ...ended('waiting', ending), attempt, lease: rules.leaseForgotten ? 0 : row.lease };
  switch (outcome) {
    case 'complete':
      return ended('completed', '');
    case 'fail':
      return row.attempt < row.maxAttempts
        ? waiting(row.attempt, 'failed')
        : ended('discarded', 'discarded');
    case 'discard':
      return ended('discarded', 'discarded');
    case 'snooze':
    case 'giveBack':
      return waiting(row.attempt - 1, '');
  }
}

/** A change of lease; everything else about the job stays. */
export function transferred<R extends Row>(row: R, from: number, to: number): R {
  return isHeldUnder(row, from) ? { ...row, lease: to } : row;
}

/** Back to where it was before the claim. */
export function rescued<R extends Row>(
  row: R,
  lease: number,
  crashed: boolean,
  rules: Rules = mended,
): R {
  if (row.state !== 'running' || (rules.rescueByLease && row.lease !== lease)) return row;
  const endings = [...row.endings, { lease: row.lease, ending: 'crashed' }];
  const attempt = row.attempt - 1;
  // Of a suspect, only those count that it had its process to itself for; here it never has.
  const counts = crashed && !isSuspect(row);
  const back = { ...row, attempt, crashes: row.crashes + (counts ? 1 : 0), endings };
  // The history names no lease: the job was not settled under one.
  if (row.cancelRequested) return { ...back, state: 'cancelled', lease: 0, cancelRequested: false };
  return { ...back, state: 'waiting', lease: rules.leaseForgotten ? 0 : row.lease };
}

/** At once when it waits, otherwise as a request. */
export function cancelled<R extends Row>(row: R): R {
  if (row.state === 'waiting') return { ...row, state: 'cancelled' };
  return row.state === 'running' ? { ...row, cancelRequested: true } : row;
}

/** As it was before its first claim, though what was tried already counts, and there is room for one more attempt. */
export function retried<R extends Row>(row: R): R {
  if (!isFinished(row)) return row;
  const maxAttempts = Math.max(row.maxAttempts, row.attempt + 1);
  return { ...row, state: 'waiting', lease: 0, crashes: 0, maxAttempts };
}
