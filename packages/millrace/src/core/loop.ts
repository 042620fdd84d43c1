import { pause, type Clock } from './clock.ts';
import type { Service } from './service.ts';

/** Short enough that what runs here is soon back after a long outage: rescue, heartbeats, schedules. */
const longestErrorPauseMs = 5_000;
const firstErrorPauseMs = 250;

/**
 * Repeats a pass until it is stopped; `start` resolves when the first pass has ended, well or not. A pass answers with the milliseconds until the next one; one that fails is tried
 * again after a growing, jittered pause, for ever. Stopping twice, or during a pass, works.
 */
export class Loop implements Service {
  readonly #pass: () => Promise<number>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #onPass: (nextInMs: number) => void;
  #stopping: AbortController | undefined;
  #waking = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: {
    pass: () => Promise<number>;
    clock: Clock;
    random: () => number;
    onError: (error: unknown) => void;
    /** After each pass that went well; with infinity when it has stopped, and no other is due. */
    onPass?: (nextInMs: number) => void;
  }) {
    this.#pass = parts.pass;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#onError = parts.onError;
    this.#onPass = parts.onPass ?? (() => {});
  }

  async start(): Promise<void> {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    const firstPass = Promise.withResolvers<void>();
    this.#running = this.#run(this.#stopping.signal, firstPass.resolve);
    await firstPass.promise;
  }

  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.#waking.abort();
    await this.#running;
    if (this.#stopping !== undefined) this.#onPass(Number.POSITIVE_INFINITY);
    this.#stopping = undefined;
  }

  async tick(): Promise<number> {
    return this.#pass();
  }

  /** Ends the present pause: something may have to be done now. */
  wake(): void {
    this.#waking.abort();
  }

  async #run(stopped: AbortSignal, onPass: () => void): Promise<void> {
    let errorPauseMs = firstErrorPauseMs;
    while (!stopped.aborted) {
      this.#waking = new AbortController();
      let pauseMs: number;
      try {
        pauseMs = await this.#pass();
        errorPauseMs = firstErrorPauseMs;
        this.#onPass(pauseMs);
      } catch (error) {
        this.#onError(error);
        pauseMs = errorPauseMs * (0.5 + this.#random());
        errorPauseMs = Math.min(longestErrorPauseMs, errorPauseMs * 2);
      }
      onPass();
      if (!stopped.aborted) await pause(this.#clock, pauseMs, this.#waking.signal);
    }
  }
}
