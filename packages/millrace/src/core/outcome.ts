import { durationMs, type Duration } from './duration.ts';
import { boundedText, describe } from './text.ts';

/** What a handler can ask for instead of returning a result: return it, or throw it from anywhere below. */
export type OutcomeRequest =
  | { readonly type: 'snooze'; readonly delayMs: number }
  | { readonly type: 'retryAfter'; readonly delayMs: number; readonly reason: unknown }
  | { readonly type: 'cancel'; readonly reason: string }
  | { readonly type: 'discard'; readonly reason: string };

/** Says of a value that it carries an outcome request, also across two copies of the package. */
const brand = Symbol.for('millrace.outcome');

/** A reason is a line for people; longer texts belong into the error of an attempt. */
const reasonMaxBytes = 2_048;

/** Carries an outcome request through `throw`; never seen by users of the API as a failure. */
export class OutcomeError extends Error {
  override readonly name = 'OutcomeError';
  readonly [brand] = true;
  readonly request: OutcomeRequest;

  constructor(request: OutcomeRequest, message: string) {
    super(message);
    this.request = request;
  }
}

/**
 * Run this job again after `delay`; the attempt does not count.
 * @throws MILLRACE_DURATION_INVALID
 */
export function snooze(delay: Duration): OutcomeError {
  return new OutcomeError(
    { type: 'snooze', delayMs: durationMs(delay, 'snooze') },
    'snoozed by its handler',
  );
}

/**
 * This attempt failed; try again after `delay` instead of what the retry policy says, for example after the
 * Retry-After of a response. The attempt counts.
 * @param reason The error or text to keep with the attempt.
 * @throws MILLRACE_DURATION_INVALID
 */
export function retryAfter(
  delay: Duration,
  reason: unknown = 'retry asked for by its handler',
): OutcomeError {
  return new OutcomeError(
    { type: 'retryAfter', delayMs: durationMs(delay, 'retryAfter'), reason },
    'retry asked for by its handler',
  );
}

/** Give the job up as no longer wanted: it ends in state `cancelled`. */
export function cancel(reason = 'cancelled by its handler'): OutcomeError {
  return giveUp('cancel', reason);
}

/** Give the job up as hopeless, whatever attempts are left: it ends in state `discarded`. */
export function discard(reason = 'discarded by its handler'): OutcomeError {
  return giveUp('discard', reason);
}

function giveUp(type: 'cancel' | 'discard', reason: unknown): OutcomeError {
  // Without types, the error itself is what is often given.
  const text = reason instanceof Error ? reason.message : describe(reason);
  const bounded = boundedText(text, reasonMaxBytes);
  return new OutcomeError({ type, reason: bounded }, bounded);
}

/** The request inside a returned or thrown value, if it is one; works across two copies of the package. */
export function outcomeRequest(value: unknown): OutcomeRequest | undefined {
  try {
    return typeof value === 'object' && value !== null && brand in value
      ? (value as OutcomeError).request
      : undefined;
  } catch {
    // A proxy may refuse to be looked at; whatever it is, it is no request.
    return undefined;
  }
}
