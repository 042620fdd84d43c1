import type { Clock } from '../core/clock.ts';
import { progressOf, type Progress } from '../core/progress.ts';

/** Between two messages; a handler may say how far it has come a million times. */
const betweenMs = 100;

/** Sends the last word, soon. A handler that blocks its event loop sends its words by itself. */
export class ProgressTo {
  readonly #send: (progress: Progress) => void;
  readonly #clock: Clock;
  #sentMs = -Infinity;
  #waiting: Progress | undefined;
  #stopTimer: (() => void) | undefined;

  constructor(send: (progress: Progress) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  say(percent: number, note?: string): void {
    this.#waiting = progressOf(percent, note);
    const leftMs = betweenMs - (this.#clock.monotonicMs() - this.#sentMs);
    if (leftMs <= 0) this.flush();
    else this.#stopTimer ??= this.#clock.after(leftMs, () => this.flush());
  }

  flush(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    const progress = this.#waiting;
    if (progress === undefined) return;
    this.#waiting = undefined;
    this.#sentMs = this.#clock.monotonicMs();
    this.#send(progress);
  }
}
