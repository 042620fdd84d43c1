import type { Clock } from '../core/clock.ts';
import type { Enqueue, EnqueueMany } from '../core/enqueue.ts';
import { isMillraceError, MillraceError } from '../core/errors.ts';
import type { JobRef } from '../core/events.ts';
import type { FlagSource } from '../core/flags.ts';
import type { JobContext, TransactionalJobContext } from '../core/job-definition.ts';
import type { Isolation } from '../core/isolation.ts';
import type { AttemptError, JobState } from '../core/job.ts';
import { settle, waitingState, type Outcome, type Settlement } from '../core/lifecycle.ts';
import type { AttemptLog } from '../core/logger.ts';
import { readPayload } from '../core/payload-version.ts';
import type { WorkSession } from '../core/storage.ts';
import type { AroundAttempt, AttemptEnd } from '../core/telemetry.ts';
import type { IsolationLevel, TransactionSource } from '../core/transaction.ts';
import type { TransactionHandle } from '../core/transaction-handles.ts';
import type { HeldJob } from './held-job.ts';
import { contextOf } from './job-context.ts';
import { failed, outcomeOf, thrownIn, type Ended, type Judge } from './outcome.ts';
import type { ProgressReports } from './progress-reports.ts';
import { runInTransaction } from './run-in-transaction.ts';
import { callThrough, openPayload } from './through-middleware.ts';

/** What attempts need of the worker around them. */
export interface Surroundings extends Judge {
  readonly port: Pick<WorkSession, 'begin' | 'holds'>;
  readonly clock: Clock;
  readonly enqueue: Enqueue;
  readonly enqueueMany: EnqueueMany;
  readonly progress: Pick<ProgressReports, 'report' | 'ended'>;
  /** Runs handlers that are not to run in this process. */
  readonly isolation: Isolation;
  readonly flags: FlagSource | undefined;
  readonly logFor: (job: JobRef) => AttemptLog;
  readonly aroundAttempt: AroundAttempt;
  /** A handler begins; the answer is called when it has ended. */
  readonly began: (job: JobRef) => () => void;
  /** Resolves when the worker's identity, and with it every lease, is beyond doubt. */
  readonly certain: () => Promise<void>;
}

/**
 * What an attempt came to. `committed`: its transaction has written the outcome, or nobody can say any more whether it
 * has, and it must not be written again. `null`: the lease is lost.
 */
export type Conclusion = Outcome | { readonly type: 'committed' } | null;

/** How an attempt ended, and what is to be written; null when there is nothing (more) to write. */
interface Attempted extends AttemptEnd {
  readonly settlement: Settlement | null;
}

/** A handler together with all that it is called with. It may throw, or answer with what is not a promise. */
export type Call = (more?: Partial<JobContext>) => unknown;

/**
 * One attempt, step by step: it is reported, its payload decoded, its context built, the handler
 * run (with a time limit, where there is one), what happened judged, and that reported. The attempt is over when the
 * handler has ended, not when it was told to: running a job again beside itself would be worse than a slot that waits.
 *
 * Never rejects.
 */
export function runAttempt(held: HeldJob, around: Surroundings): Promise<Attempted> {
  return around.aroundAttempt(held.job, (traceId) => {
    held.trace(traceId);
    return new Attempt(held, around).run();
  });
}

/** Without async functions: each would cost every job more than all of this does. */
class Attempt {
  readonly #held: HeldJob;
  readonly #around: Surroundings;
  readonly #startedMs: number;
  readonly #ended: (() => void) | undefined;
  readonly #stopTimer: (() => void) | undefined;
  #thrown: unknown;

  constructor(held: HeldJob, around: Surroundings) {
    this.#held = held;
    this.#around = around;
    this.#startedMs = reportStarted(held, around);
    // An isolated handler does not run on the event loop that is watched here.
    if (held.settings.isolate === undefined) this.#ended = around.began(held.ref);
    this.#stopTimer = startTimer(held, around.clock);
  }

  run(): Promise<Attempted> {
    const prepared = prepare(this.#held, this.#around);
    return prepared instanceof Promise
      ? prepared.then((call) => this.#perform(call))
      : this.#perform(prepared);
  }

  #perform(prepared: Call | Ended): Promise<Attempted> {
    const { transaction } = this.#held.settings;
    if (typeof prepared !== 'function')
      return Promise.resolve(this.#conclude(this.#judge(prepared)));
    if (transaction === undefined)
      return endOf(prepared).then((end) => this.#conclude(this.#judge(end)));
    const judge = (end: Ended) => this.#judge(end);
    return performInside(transaction, prepared, this.#held, this.#around, judge).then(
      (conclusion) => this.#conclude(conclusion),
    );
  }

  #judge(end: Ended): Outcome | null {
    this.#around.progress.ended(this.#held);
    this.#thrown = thrownIn(end, this.#held);
    return outcomeOf(end, this.#held, this.#around);
  }

  #conclude(conclusion: Conclusion): Attempted {
    this.#stopTimer?.();
    this.#ended?.();
    this.#held.endHandler();
    const settlement = settlementOf(conclusion, this.#held);
    const finished = reportFinished(
      this.#held,
      conclusion,
      settlement,
      this.#around,
      this.#startedMs,
    );
    return { finished, thrown: this.#thrown, settlement };
  }
}

/** What is written for a job whose outcome the database refused. */
export function failureSettlement(held: HeldJob, error: unknown, around: Judge): Settlement {
  return settle(failed(error, held, around), held.job, held.settings.history);
}

function reportStarted({ job, ref }: HeldJob, { clock, emit }: Surroundings): number {
  // Both ends are the database's, so that the clock of this machine has no part in it.
  emit('attempt:started', {
    ...ref,
    sinceEnqueuedMs: job.claimedMs - job.createdMs,
    sinceDueMs: job.claimedMs - job.scheduledMs,
    traceparent: job.meta.traceparent,
  });
  return clock.monotonicMs();
}

function startTimer(held: HeldJob, clock: Clock): (() => void) | undefined {
  const timeoutMs = held.job.policy.timeoutMs ?? held.settings.timeoutMs;
  if (timeoutMs === undefined) return undefined;
  const cancel = clock.after(timeoutMs, () => {
    const reason = new MillraceError(
      'MILLRACE_ATTEMPT_TIMEOUT',
      `the attempt took longer than ${timeoutMs} ms`,
    );
    held.interrupt('timed out', reason);
  });
  // Whatever else told the handler to end came first; a timer would only keep the process alive.
  held.signal.addEventListener('abort', cancel);
  return cancel;
}

/** What keeps its code of all that reading a payload may throw. */
const ownCodes = [
  'MILLRACE_PAYLOAD_UNREADABLE',
  'MILLRACE_PAYLOAD_UPGRADE_MISSING',
  'MILLRACE_PAYLOAD_UPGRADE_FAILED',
  'MILLRACE_ENCRYPTION_KEY_MISSING',
  'MILLRACE_ENCRYPTION_INVALID',
] as const;

/** Decodes the payload and builds the context; what fails here fails the attempt. */
function prepare(held: HeldJob, around: Surroundings): Call | Ended | Promise<Call | Ended> {
  const refuse = (error: unknown): Ended => ({
    thrown: ownCodes.some((code) => isMillraceError(error, code)) ? error : unreadable(error),
  });
  try {
    const { job, settings } = held;
    const { isolate, layers } = settings;
    if (layers !== undefined) {
      return openPayload(job, settings, layers).then(
        (opened) => callThrough(layers, opened, contextOf(held, around), held, around),
        refuse,
      );
    }
    if (isolate !== undefined) {
      const context = contextOf(held, around);
      return () => around.isolation.run(job, isolate, context);
    }
    const payload = readPayload(job.payload, job.payloadVersion, settings);
    if (!(payload instanceof Promise)) return callOf(payload, held, around);
    return payload.then((decoded) => callOf(decoded, held, around), refuse);
  } catch (error) {
    return refuse(error);
  }
}

function callOf(payload: unknown, held: HeldJob, around: Surroundings): Call {
  const { handler } = held.settings;
  const context = contextOf(held, around);
  return (more) => handler(payload, more === undefined ? context : Object.assign(context, more));
}

function unreadable(error: unknown): MillraceError {
  const message = error instanceof Error ? error.message : 'the stored payload cannot be decoded';
  return new MillraceError('MILLRACE_PAYLOAD_UNREADABLE', message, { cause: error });
}

function performInside(
  from: IsolationLevel | TransactionSource<unknown>,
  call: Call,
  held: HeldJob,
  around: Surroundings,
  judge: (ended: Ended) => Outcome | null,
): Promise<Conclusion> {
  return runInTransaction({
    held,
    from,
    around,
    judge,
    settlementOf: (outcome) => settle(outcome, held.job, held.settings.history),
    handler: (tx) => endOf(() => call(inTransaction(tx, around))),
  });
}

/** Jobs that a transactional handler enqueues exist if, and only if, its transaction commits. */
function inTransaction(
  tx: unknown,
  { enqueue, enqueueMany }: Surroundings,
): Partial<TransactionalJobContext<unknown>> {
  const bound = (definition: never, payload: never, options?: object) =>
    (enqueue as (...args: unknown[]) => unknown)(definition, payload, { tx, ...options });
  return {
    tx,
    enqueue: bound as Enqueue,
    enqueueMany: (jobs, options) => enqueueMany(jobs, { tx: tx as TransactionHandle, ...options }),
  };
}

/** How this ends; it never rejects. */
export function endOf(run: () => unknown): Promise<Ended> {
  try {
    return Promise.resolve(run()).then(asReturned, asThrown);
  } catch (error) {
    return Promise.resolve(asThrown(error));
  }
}

const asReturned = (returned: unknown): Ended => ({ returned });
const asThrown = (thrown: unknown): Ended => ({ thrown });

function settlementOf(conclusion: Conclusion, { job, settings }: HeldJob): Settlement | null {
  if (conclusion === null || conclusion.type === 'committed') return null;
  return settle(conclusion, job, settings.history);
}

function reportFinished(
  held: HeldJob,
  conclusion: Conclusion,
  settlement: Settlement | null,
  { clock, emit }: Surroundings,
  startedMs: number,
): AttemptEnd['finished'] {
  const durationMs = clock.monotonicMs() - startedMs;
  const error = errorOf(conclusion);
  const finished = {
    ...held.ref,
    state: stateOf(conclusion, settlement, held, durationMs),
    durationMs,
    exception: error?.name ?? '',
    error,
  };
  emit('attempt:finished', finished);
  if (conclusion === null)
    emit('settle:refused', { id: held.job.id, kind: held.job.kind, lease: held.lease });
  return finished;
}

/** The state that the conclusion leads to, as far as it is known here: a request to cancel may still turn it. */
function stateOf(
  conclusion: Conclusion,
  settlement: Settlement | null,
  { job }: HeldJob,
  durationMs: number,
): JobState {
  if (settlement === null) return conclusion === null ? 'available' : 'completed';
  switch (settlement.type) {
    case 'finish':
      return settlement.state;
    case 'giveBack':
      return 'available';
    case 'wait': {
      const { delay, attemptCounts } = settlement;
      const lateMs = job.claimedMs - job.scheduledMs + durationMs;
      return waitingState({
        attempt: attemptCounts ? job.attempt : job.attempt - 1,
        dueInMs: delay.from === 'due' ? delay.ms - lateMs : delay.ms,
      });
    }
  }
}

const leaseLost: AttemptError = {
  name: 'MillraceError',
  message: 'the job had moved on before the attempt ended',
  code: 'MILLRACE_LEASE_LOST',
};

function errorOf(conclusion: Conclusion): AttemptError | null {
  if (conclusion === null) return leaseLost;
  return 'error' in conclusion ? (conclusion.error ?? null) : null;
}
