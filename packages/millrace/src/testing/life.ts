import type { Clock } from '../core/clock.ts';
import { systemClock } from '../system-clock.ts';

/**
 * Where a worker's process can die around the commits of a job:
 *
 * - `after-claim`: the claim is committed, the handler has not begun.
 * - `after-handler`: the handler has ended, and nothing of its outcome has reached the database.
 * - `before-commit`: the outcome was sent, and is not committed; in a transactional handler nothing that it wrote is.
 * - `after-commit`: the outcome is committed, and the process never learns of it.
 */
export const crashPoints = [
  'after-claim',
  'after-handler',
  'before-commit',
  'after-commit',
] as const;

/** A moment in the life of an attempt at which its process can die. */
export type CrashPoint = (typeof crashPoints)[number];

/**
 * The life of a process that a test plays. It ends as a killed process does: no timer of it fires any more, no call of it
 * is answered, nothing of it is told to anybody.
 */
export class Life {
  readonly #end: CrashPoint | undefined;
  readonly #over = Promise.withResolvers<void>();
  readonly #timers = new Set<() => void>();
  #isOver = false;

  /** @param end where it ends; it goes on for ever without */
  constructor(end?: CrashPoint) {
    this.#end = end;
  }

  /** Where this life ends. */
  get end(): CrashPoint | undefined {
    return this.#end;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves at the end. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Says that the process has come to this point; true when it ends there. */
  reach(point: CrashPoint): boolean {
    if (this.#isOver || point !== this.#end) return this.#isOver;
    this.#isOver = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#over.resolve();
    return true;
  }

  /** What `call` answers, unless the life is over before or meanwhile: then no answer ever comes. */
  async lived<T>(call: () => Promise<T>): Promise<T> {
    if (this.#isOver) return never();
    try {
      const answer = await call();
      return this.#isOver ? await never() : answer;
    } catch (error) {
      if (this.#isOver) return never();
      throw error;
    }
  }

  readonly clock: Clock = {
    monotonicMs: () => systemClock.monotonicMs(),
    after: (delayMs, callback) => {
      if (this.#isOver) return () => {};
      const cancel = systemClock.after(delayMs, () => {
        this.#timers.delete(cancel);
        callback();
      });
      this.#timers.add(cancel);
      return () => {
        this.#timers.delete(cancel);
        cancel();
      };
    },
  };
}

export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
