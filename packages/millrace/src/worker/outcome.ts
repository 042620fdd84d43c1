import { toAttemptError } from '../core/attempt-error.ts';
import { durationMs, maxDurationMs } from '../core/duration.ts';
import { isMillraceError, MillraceError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { toJson, type Json } from '../core/json.ts';
import type { Delay, Outcome } from '../core/lifecycle.ts';
import { defaults } from '../core/options.ts';
import { outcomeRequest, type OutcomeRequest } from '../core/outcome.ts';
import { retryDelay, type RetryPolicy } from '../core/retry.ts';
import type { HeldJob } from './held-job.ts';

/** How a handler ended. */
export type Ended = { readonly returned: unknown } | { readonly thrown: unknown };

/** What it takes to say what an attempt came to. */
export interface Judge {
  readonly emit: Emit;
  readonly random: () => number;
  readonly resultMaxBytes: number;
}

/**
 * What an attempt came to; null when its lease is lost, or the job was given back already, and nothing may be written.
 *
 * What the handler asks for counts whatever else happened. Otherwise an attempt that ran out of time has failed, also if
 * its handler returned: it may have returned because of the signal. A handler that was asked to cancel or to stop and
 * returns all the same has completed; only one that throws has obeyed.
 */
export function outcomeOf(ended: Ended, held: HeldJob, judge: Judge): Outcome | null {
  if (held.isLost || held.abandoned) return null;
  const request = outcomeRequest('thrown' in ended ? ended.thrown : ended.returned);
  if (request !== undefined) return requested(request, held, judge);
  if (held.interruption === 'timed out') return failed(timeoutError(held, ended), held, judge);
  if ('returned' in ended)
    return { type: 'complete', result: resultOf(ended.returned, held, judge) };
  if (held.interruption === 'cancelled') return cancelled(held, ended.thrown);
  if (held.interruption === 'stopped') return { type: 'giveBack' };
  return failed(ended.thrown, held, judge);
}

/** What made the attempt fail, as it was thrown; undefined when nothing did. */
export function thrownIn(ended: Ended, held: HeldJob): unknown {
  const request = outcomeRequest('thrown' in ended ? ended.thrown : ended.returned);
  if (request !== undefined) return request.type === 'retryAfter' ? request.reason : undefined;
  if (held.interruption === 'timed out') return timeoutError(held, ended);
  return 'thrown' in ended ? ended.thrown : undefined;
}

/** The outcome of an attempt that failed with `thrown`. */
export function failed(thrown: unknown, held: HeldJob, judge: Judge): Outcome {
  const { attempt, maxAttempts, policy } = held.job;
  const chosen = policy.retry ?? held.settings.retry;
  return {
    type: 'retry',
    error: toAttemptError(thrown, defaults.errorMaxBytes),
    delay: delayAfter(chosen, { attempt, maxAttempts, error: thrown }, held, judge),
  };
}

/** A policy is the user's, as a function or as a stored row: whatever it does, the failure is written. */
function delayAfter(
  policy: RetryPolicy,
  attempt: Parameters<typeof retryDelay>[1],
  held: HeldJob,
  { emit, random }: Judge,
): Delay {
  try {
    const delay = retryDelay(policy, attempt, random());
    // A stored policy was judged when it was enqueued, but its row may have been edited since.
    return { ms: durationMs(Math.min(delay.ms, maxDurationMs), 'retry'), from: delay.from };
  } catch (error) {
    const loop = `retry policy of ${held.job.kind}`;
    emit('loop:failed', { loop, error: toAttemptError(error, defaults.errorMaxBytes) });
    return retryDelay(defaults.retry, attempt, random());
  }
}

function requested(request: OutcomeRequest, held: HeldJob, judge: Judge): Outcome {
  switch (request.type) {
    case 'snooze':
      return { type: 'snooze', delayMs: request.delayMs };
    case 'retryAfter':
      return {
        type: 'retry',
        error: toAttemptError(request.reason, defaults.errorMaxBytes),
        delay: { ms: request.delayMs, from: 'now' },
      };
    case 'cancel':
    case 'discard':
      return { type: request.type, reason: request.reason };
    default: {
      // Made by another release of the package than the one that runs the job.
      const unknown = new MillraceError(
        'MILLRACE_HANDLER_OUTCOME_INVALID',
        'the handler asked for an unknown outcome',
      );
      return failed(unknown, held, judge);
    }
  }
}

function cancelled(held: HeldJob, thrown: unknown): Outcome {
  const { reason } = held;
  // That it stopped as it was told is no error worth keeping.
  const obeyed = thrown === reason || (thrown instanceof Error && thrown.name === 'AbortError');
  return {
    type: 'cancel',
    reason: reason?.message ?? 'cancelled on request',
    ...(!obeyed && { error: toAttemptError(thrown, defaults.errorMaxBytes) }),
  };
}

function timeoutError(held: HeldJob, ended: Ended): unknown {
  const { reason } = held;
  if (reason === undefined || !('thrown' in ended) || ended.thrown === reason) return reason;
  return new MillraceError('MILLRACE_ATTEMPT_TIMEOUT', reason.message, { cause: ended.thrown });
}

/**
 * What the handler returned as it is kept. The job's effects have happened when the handler returns, and running it again
 * would repeat them: a result that cannot be kept is dropped and reported, and the job is completed.
 */
function resultOf(returned: unknown, held: HeldJob, { emit, resultMaxBytes }: Judge): Json {
  if (returned === undefined) return null;
  try {
    const result = toJson(returned, 'result');
    const bytes = Buffer.byteLength(JSON.stringify(result));
    if (bytes <= resultMaxBytes) return result;
    throw new MillraceError(
      'MILLRACE_RESULT_INVALID',
      `the result has ${bytes} bytes; ${resultMaxBytes} are allowed`,
    );
  } catch (error) {
    const invalid = isMillraceError(error, 'MILLRACE_RESULT_INVALID') ? error : resultError(error);
    emit('attempt:result-dropped', {
      ...held.ref,
      error: toAttemptError(invalid, defaults.errorMaxBytes),
    });
    return null;
  }
}

function resultError(error: unknown): MillraceError {
  const message = error instanceof Error ? error.message : 'the result cannot be read';
  return new MillraceError('MILLRACE_RESULT_INVALID', message, { cause: error });
}
