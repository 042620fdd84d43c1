import { toAttemptError } from '../core/attempt-error.ts';
import type { Clock } from '../core/clock.ts';
import type { AttemptError } from '../core/job.ts';
import { defaults } from '../core/options.ts';
import { pulseMs, type Pulse } from './pulse.ts';

export interface WatcherParts {
  readonly pulse: Pulse;
  readonly clock: Clock;
  /** An event loop that stands still for longer is blocked. */
  readonly blockedForMs: number;
  /** Gives a sign of life for the process, and says for how long its loop has stood still and which jobs run on it. */
  readonly beat: (stoodMs: number, jobs: readonly string[]) => Promise<unknown>;
  /** Nothing is to be said any more; connections may end. */
  readonly rest: () => Promise<unknown>;
  /** A beat failed; once for each block. */
  readonly onError: (error: AttemptError) => void;
}

/**
 * Watches an event loop from another thread. While the loop moves, it reads a number and does nothing else. While the loop
 * stands still, it beats at every look: more often than others judge by a lock, for the session may be lost meanwhile and
 * nobody else could say that the process lives.
 *
 * A process that is frozen is frozen with all its threads, so that no beat comes from it and the others find it silent.
 */
export class Watcher {
  readonly #parts: WatcherParts;
  #ticks = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #beating = false;
  #hasBeaten = false;
  #hasFailed = false;

  constructor(parts: WatcherParts) {
    this.#parts = parts;
  }

  /** One look; answers with the milliseconds until the next one. It waits for no beat, so that looks come regularly. */
  look(): number {
    const { pulse, blockedForMs } = this.#parts;
    pulse.look();
    const stoodMs = this.#stoodMs();
    if (stoodMs > blockedForMs) void this.#beat(stoodMs);
    else this.#rest();
    return pulseMs(blockedForMs);
  }

  /** For how long the loop has stood still before the eyes of this thread. Where it was away itself it has seen nothing. */
  #stoodMs(): number {
    const { pulse, clock, blockedForMs } = this.#parts;
    const { ticks } = pulse;
    const nowMs = clock.monotonicMs();
    const wasAway = nowMs - this.#lookedMs > blockedForMs;
    if (wasAway || ticks !== this.#ticks) this.#sinceMs = nowMs;
    this.#ticks = ticks;
    this.#lookedMs = nowMs;
    return nowMs - this.#sinceMs;
  }

  async #beat(stoodMs: number): Promise<void> {
    if (this.#beating) return;
    const { pulse, beat, onError } = this.#parts;
    this.#beating = true;
    this.#hasBeaten = true;
    try {
      await beat(stoodMs, pulse.jobs());
    } catch (error) {
      if (!this.#hasFailed) onError(toAttemptError(error, defaults.errorMaxBytes));
      this.#hasFailed = true;
    } finally {
      this.#beating = false;
    }
  }

  #rest(): void {
    if (this.#beating || !this.#hasBeaten) return;
    this.#hasBeaten = false;
    this.#hasFailed = false;
    void this.#parts.rest();
  }
}
