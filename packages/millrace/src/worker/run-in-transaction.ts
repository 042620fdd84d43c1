import { backoffMs, type Backoff } from '../core/backoff.ts';
import { pause } from '../core/clock.ts';
import { databaseCause, isRefusal } from '../core/database-error.ts';
import { isMillraceError, MillraceError } from '../core/errors.ts';
import type { Outcome, Settlement } from '../core/lifecycle.ts';
import type { JobTransaction } from '../core/storage.ts';
import type { IsolationLevel, TransactionSource } from '../core/transaction.ts';
import type { HeldJob } from './held-job.ts';
import { logsOf } from './settler.ts';
import type { Ended } from './outcome.ts';
import type { Conclusion, Surroundings } from './run-attempt.ts';

/** A job that conflicts this often within one attempt conflicts for a reason; a failed attempt shows it. */
const maxRuns = 10;

/** Between two runs: what it conflicted with is mostly over in milliseconds, and ten runs then span some seconds. */
const conflictBackoff: Backoff = { firstMs: 20, longestMs: 1_000 };

/** While the database cannot be reached. */
const reachBackoff: Backoff = { firstMs: 100, longestMs: 2_000 };

interface TransactionalRun {
  readonly held: HeldJob;
  readonly from: IsolationLevel | TransactionSource<unknown>;
  readonly around: Surroundings;
  readonly judge: (ended: Ended) => Outcome | null;
  readonly settlementOf: (outcome: Outcome) => Settlement;
  readonly handler: (tx: unknown) => Promise<Ended>;
}

/**
 * What came of trying to commit. `conflict`: undone, and worth another run. `unknown`: the answer was lost. `failed`:
 * undone, and the handler's writes are to blame, as with a deferred constraint.
 */
type Commit =
  | { readonly type: 'committed' }
  | { readonly type: 'conflict' | 'unknown' | 'failed'; readonly error: unknown };

/**
 * Runs a handler in a transaction that also writes its completion. Only a completion commits; whatever else the handler
 * comes to rolls back first and is written on its own.
 *
 * When PostgreSQL could not serialize the transaction, or the row of the job was held, everything is undone and the handler
 * runs again on a fresh snapshot, as long as the lease is still there. A commit whose answer was lost is looked up before
 * anything else: if the job is no longer under the lease, the commit or somebody has moved it, and nothing runs again here.
 * (Should the look find the job because the commit is still under way, the second run finds its lease gone and is undone.)
 */
export async function runInTransaction(run: TransactionalRun): Promise<Conclusion> {
  const { held, judge, around } = run;
  let conflict: unknown;
  let mayBeCommitted = false;
  for (let runs = 1; runs <= maxRuns; runs++) {
    if (held.signal.aborted) return judge({ thrown: held.reason });
    const begun = await begin(run);
    if ('thrown' in begun) return judge(begun);
    const ended = await begun.within(() => run.handler(begun.tx));
    if ('thrown' in ended && databaseCause(ended.thrown) === 'serialization') {
      await begun.rollback();
      conflict = ended.thrown;
    } else {
      const outcome = judge(ended);
      if (outcome?.type !== 'complete') {
        await begun.rollback();
        return outcome;
      }
      const commit = await tryCommit(begun, outcome, run);
      if (commit.type === 'committed') return commit;
      if (commit.type === 'failed') return judge({ thrown: commit.error });
      conflict = commit.error;
      mayBeCommitted ||= commit.type === 'unknown';
    }
    const lease = await lookAtLease(held, around);
    if (lease === 'gone') return mayBeCommitted ? { type: 'committed' } : lose(held);
    held.settling = false;
    await pause(around.clock, backoffMs(conflictBackoff, runs, around.random()), held.signal);
  }
  return judge({ thrown: conflict });
}

/**
 * The job's own transaction. A database that cannot be reached, or that is a standby before its promotion, is no failure of
 * the job: that is waited for.
 */
async function begin({
  held,
  from,
  around,
}: TransactionalRun): Promise<JobTransaction | { thrown: unknown }> {
  for (let tries = 1; ; tries++) {
    try {
      return await around.port.begin(from);
    } catch (error) {
      const isAway =
        databaseCause(error) === 'connection' || isMillraceError(error, 'MILLRACE_DB_READ_ONLY');
      if (!isAway) return { thrown: error };
      await pause(around.clock, backoffMs(reachBackoff, tries, around.random()), held.signal);
      if (held.signal.aborted) return { thrown: held.reason };
    }
  }
}

async function tryCommit(
  transaction: JobTransaction,
  outcome: Outcome,
  run: TransactionalRun,
): Promise<Commit> {
  const { held, around } = run;
  const startedMs = around.clock.monotonicMs();
  const settlement = run.settlementOf(outcome);
  const request = { id: held.job.id, lease: held.lease, settlement, ...logsOf(held) };
  held.settling = true;
  try {
    const { status } = await transaction.settleAndCommit(request);
    switch (status) {
      case 'written':
        around.emit('settle:written', {
          jobs: 1,
          durationMs: around.clock.monotonicMs() - startedMs,
        });
        return { type: 'committed' };
      case 'already':
        return { type: 'committed' };
      case 'busy':
        return {
          type: 'conflict',
          error: new MillraceError('MILLRACE_JOB_BUSY', 'somebody holds the row of the job'),
        };
      case 'lost':
        return { type: 'conflict', error: leaseLost(held) };
    }
  } catch (error) {
    if (databaseCause(error) === 'serialization') return { type: 'conflict', error };
    return { type: isRefusal(error) ? 'failed' : 'unknown', error };
  }
}

/**
 * Whether the job is still under its lease, asked until the database answers, or until the signal aborts: then `unknown`,
 * which harms nobody, for the next write names the lease.
 */
async function lookAtLease(
  held: HeldJob,
  { port, certain, clock, random }: Surroundings,
): Promise<'held' | 'gone' | 'unknown'> {
  for (let tries = 1; ; tries++) {
    await certain();
    if (held.isLost) return 'gone';
    const { lease } = held;
    try {
      const found = await port.holds([{ id: held.job.id, lease }]);
      if (found.length > 0) return 'held';
      // The job may have moved to another lease of this worker's while the question was under way.
      await certain();
      if (held.lease === lease) return 'gone';
    } catch {
      await pause(clock, backoffMs(reachBackoff, tries, random()), held.signal);
      if (held.signal.aborted) return 'unknown';
    }
  }
}

function leaseLost(held: HeldJob): MillraceError {
  return new MillraceError('MILLRACE_LEASE_LOST', `job ${held.job.id} is no longer this worker's`);
}

function lose(held: HeldJob): null {
  held.interrupt('lost', leaseLost(held));
  return null;
}
