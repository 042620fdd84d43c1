/**
 * The one table of a job's life: every state × every event. Nothing else decides where a job goes; storage writes what
 * stands here, the documentation's diagram is generated from it, and a test walks every pair.
 */
import type { AttemptError, ClaimedJob, FinishedState, JobState } from './job.ts';
import type { Json } from './json.ts';

/** What can happen to a job. */
export const jobEvents = [
  /** Its due time is reached. */
  'due',
  /** A worker takes it. */
  'claim',
  /** The handler returned. */
  'complete',
  /** The handler threw, or ran out of time. */
  'fail',
  /** The handler asked to be run later; the attempt does not count. */
  'snooze',
  /** The handler, or a worker on behalf of somebody, gave it up for good. */
  'discard',
  /** The worker stops, or cannot run the job now, and hands it back unfinished; the attempt does not count. */
  'giveBack',
  /** Its worker died; the attempt does not count. A job that ended its process too often ends itself. */
  'rescue',
  /** Somebody asks to cancel it. */
  'cancel',
  /** The running handler obeyed a request to cancel, or asked for it. */
  'cancelled',
  /** Somebody asks to run it now, or again. */
  'retry',
  /** Somebody runs it by hand, due or not. */
  'run',
  /** Somebody gives it up for good while it waits. */
  'giveUp',
  /** Somebody gives it another due time. */
  'reschedule',
  /** Somebody changes its payload, priority or queue. */
  'edit',
  /** Somebody removes it, with all that is known of it. */
  'delete',
] as const;

export type JobEvent = (typeof jobEvents)[number];

/**
 * `to`: the state, or states, that the event leads to; which of several is decided by `settle` below, by whether the due
 * time has come, and, for `cancelled`, by whether a request to cancel was recorded meanwhile. `stays`: allowed, and the state does not change. `gone`: the job is there no more. `refused`: the event is an error in this state.
 */
export type Transition =
  | { readonly to: readonly JobState[] }
  | { readonly stays: string }
  | { readonly gone: true }
  | { readonly refused: string };

const to = (...states: JobState[]): Transition => ({ to: states });
const gone: Transition = { gone: true };
const stays = (why: string): Transition => ({ stays: why });
const refused = (why: string): Transition => ({ refused: why });

const notClaimed = refused('only a running job has an attempt to settle');
const notWaiting = refused('only a job that waits can be claimed');

const waiting = {
  complete: notClaimed,
  fail: notClaimed,
  snooze: notClaimed,
  discard: notClaimed,
  giveBack: notClaimed,
  rescue: notClaimed,
  cancelled: notClaimed,
  cancel: to('cancelled'),
  retry: to('available'),
  run: to('running'),
  giveUp: to('discarded'),
  edit: stays('its due time and its attempts are the same'),
  delete: gone,
} as const;

const isDone = refused('it is finished; retry it first');

const notDue = refused('its due time has not come');

const finished = {
  due: stays('finished jobs wait for nothing'),
  claim: notWaiting,
  complete: notClaimed,
  fail: notClaimed,
  snooze: notClaimed,
  discard: notClaimed,
  giveBack: notClaimed,
  rescue: notClaimed,
  cancelled: notClaimed,
  cancel: stays('it is finished already'),
  retry: to('available'),
  run: isDone,
  giveUp: stays('it is finished already'),
  reschedule: isDone,
  edit: isDone,
  delete: gone,
} as const;

export const lifecycle: Readonly<Record<JobState, Readonly<Record<JobEvent, Transition>>>> = {
  scheduled: {
    ...waiting,
    due: to('available'),
    claim: notDue,
    reschedule: to('scheduled', 'available'),
  },
  available: {
    ...waiting,
    due: stays('it is due already'),
    claim: to('running'),
    retry: stays('it is due already'),
    reschedule: to('scheduled', 'retryable', 'available'),
  },
  retryable: {
    ...waiting,
    due: to('available'),
    claim: notDue,
    reschedule: to('retryable', 'available'),
  },
  running: {
    due: stays('it runs'),
    claim: notWaiting,
    complete: to('completed'),
    fail: to('retryable', 'available', 'discarded', 'cancelled'),
    snooze: to('scheduled', 'retryable', 'available', 'cancelled'),
    discard: to('discarded'),
    giveBack: to('available', 'scheduled', 'retryable', 'cancelled'),
    rescue: to('available', 'scheduled', 'retryable', 'discarded', 'cancelled'),
    cancel: stays('the request is recorded and the handler is told'),
    cancelled: to('cancelled'),
    retry: refused('it runs'),
    run: refused('it runs'),
    giveUp: refused('it runs; cancel it'),
    reschedule: refused('it runs'),
    edit: refused('it runs'),
    delete: refused('it runs; cancel it first'),
  },
  completed: finished,
  cancelled: finished,
  discarded: finished,
};

/** The state of an unfinished job that nobody runs: it follows from its due time and its attempts, and is never stored. */
export function waitingState(job: { attempt: number; dueInMs: number }): JobState {
  if (job.dueInMs <= 0) return 'available';
  return job.attempt > 0 ? 'retryable' : 'scheduled';
}

/** What one attempt came to. A closed union: every place that looks at one handles all of them. */
export type Outcome =
  | { readonly type: 'complete'; readonly result: Json }
  | { readonly type: 'retry'; readonly error: AttemptError; readonly delay: Delay }
  | { readonly type: 'snooze'; readonly delayMs: number }
  | { readonly type: 'cancel'; readonly reason: string; readonly error?: AttemptError }
  | { readonly type: 'discard'; readonly reason: string; readonly error?: AttemptError }
  | { readonly type: 'giveBack' };

/** A time to wait, counted by the database from its own clock (`now`) or from the job's last due time (`due`). */
export interface Delay {
  readonly ms: number;
  readonly from: 'now' | 'due';
}

/** The new state of a job as a value: what storage is to write under the lease. */
export type Settlement =
  | {
      readonly type: 'finish';
      readonly state: FinishedState;
      readonly result: Json;
      readonly reason: string | null;
      readonly error: AttemptError | null;
      /** False: the job leaves no row in the history. */
      readonly keep: boolean;
    }
  | {
      readonly type: 'wait';
      readonly delay: Delay;
      readonly attemptCounts: boolean;
      readonly error: AttemptError | null;
    }
  /** Back to its own place in the queue, as if it had not been claimed; with a delay, not to be claimed before. */
  | { readonly type: 'giveBack'; readonly delayMs?: number };

/** Whether it adds a row, to the history or the attempts, by which it can be recognized later. */
export function leavesTrace(settlement: Settlement): boolean {
  switch (settlement.type) {
    case 'finish':
      return settlement.keep || settlement.state !== 'completed';
    case 'wait':
      return settlement.error !== null;
    case 'giveBack':
      return false;
  }
}

/** Which finished jobs leave a row in the history. */
export type HistoryPolicy = 'all' | 'failures' | 'none';

/** Where an outcome takes a job. Pure: times are delays, and the database's clock makes them due times. */
export function settle(
  outcome: Outcome,
  job: Pick<ClaimedJob, 'attempt' | 'maxAttempts'>,
  history: HistoryPolicy,
): Settlement {
  const end = (state: FinishedState, reason: string, error: AttemptError | null): Settlement => ({
    type: 'finish',
    state,
    result: null,
    reason,
    error,
    keep: history !== 'none',
  });
  switch (outcome.type) {
    case 'complete':
      return {
        type: 'finish',
        state: 'completed',
        result: outcome.result,
        reason: null,
        error: null,
        keep: history === 'all',
      };
    case 'retry':
      if (job.attempt < job.maxAttempts) {
        return { type: 'wait', delay: outcome.delay, attemptCounts: true, error: outcome.error };
      }
      return end('discarded', `attempt ${job.attempt} of ${job.maxAttempts} failed`, outcome.error);
    case 'snooze':
      return {
        type: 'wait',
        delay: { ms: outcome.delayMs, from: 'now' },
        attemptCounts: false,
        error: null,
      };
    case 'cancel':
      return end('cancelled', outcome.reason, outcome.error ?? null);
    case 'discard':
      return end('discarded', outcome.reason, outcome.error ?? null);
    case 'giveBack':
      return { type: 'giveBack' };
  }
}
