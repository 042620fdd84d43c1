import { attemptErrorOf } from './attempt-error-of.ts';
import type { ClaimedJob, JobState } from '../core/job.ts';
import type { Settlement } from '../core/lifecycle.ts';
import type { Middleware } from '../core/middleware.ts';
import { outcomeRequest } from '../core/outcome.ts';
import type { SettleAnswer } from '../core/storage.ts';

/** An attempt that a test ran, as it was settled. */
export interface TriedAttempt {
  readonly id: string;
  readonly kind: string;
  readonly queue: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** The state of the job after it; `crashed`: the process died, the job was rescued, and the attempt does not count. */
  readonly state: JobState | 'crashed';
  /** Why the attempt failed: what its handler threw, the very object. Not what `retryAfter` was given. */
  readonly error?: unknown;
}

/** What became of every job that a test ran, with what its handler threw. */
export class Ledger {
  readonly attempts: TriedAttempt[] = [];
  readonly #claimed = new Map<string, ClaimedJob>();
  /** What the handlers answered or threw, by job. */
  readonly #ended = new Map<string, { readonly value: unknown; readonly isThrown: boolean }>();

  /** Outside of all else it notes what an attempt answered or threw. */
  readonly noting: Middleware = {
    attempt: async ({ id }, next) => {
      try {
        const value: unknown = await next();
        this.#ended.set(id, { value, isThrown: false });
        return value;
      } catch (error) {
        this.#ended.set(id, { value: error, isThrown: true });
        throw error;
      }
    },
  };

  claimed(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) this.#claimed.set(job.id, job);
  }

  settled({ id, settlement }: { id: string; settlement: Settlement }, answer: SettleAnswer): void {
    const job = this.#claimed.get(id);
    if (job === undefined || (answer.status !== 'written' && answer.status !== 'already')) return;
    const state = answer.status === 'written' ? answer.state : stateAfter(settlement);
    const error = settlement.type === 'giveBack' ? undefined : this.#errorOf(id, settlement.error);
    this.#note(job, state, error);
  }

  /** The process has died: whatever it had in hand was rescued. */
  crashed(): void {
    for (const job of this.#claimed.values()) this.#note(job, 'crashed', undefined);
  }

  #note(job: ClaimedJob, state: TriedAttempt['state'], error: unknown): void {
    const { id, kind, queue, attempt } = job;
    this.attempts.push({
      id,
      kind,
      queue,
      attempt,
      state,
      ...(error !== undefined && { error }),
    });
    this.#claimed.delete(id);
    this.#ended.delete(id);
  }

  /** What a handler asks for, it has not failed by. */
  #errorOf(id: string, stored: Parameters<typeof attemptErrorOf>[0] | null): unknown {
    if (stored === null) return undefined;
    const ended = this.#ended.get(id);
    if (ended !== undefined && outcomeRequest(ended.value) !== undefined) return undefined;
    return ended?.isThrown === true
      ? (ended.value ?? attemptErrorOf(stored))
      : attemptErrorOf(stored);
  }
}

function stateAfter(settlement: Settlement): JobState {
  switch (settlement.type) {
    case 'finish':
      return settlement.state;
    case 'wait':
      return settlement.attemptCounts ? 'retryable' : 'scheduled';
    case 'giveBack':
      return 'available';
  }
}
