import { pause, type Clock } from '../core/clock.ts';

interface Watcher {
  /** What waits for a slot is to go back. */
  readonly onClose: () => void;
  readonly onOpen: () => void;
}

/**
 * Who is in one process at the same time: the claims under way and the jobs in hand of all its workers. One job at a
 * time may ask to be alone: then nothing is claimed or started, what is there is let end, and the job runs with nothing
 * beside it.
 *
 * However many ask for it, and however long they take, the others get as much time: after each turn of a suspect comes
 * one of theirs that lasts as long. In that a suspect only gets its way if nobody else is there.
 */
export class Company {
  readonly #clock: Clock;
  readonly #watchers = new Set<Watcher>();
  #isOpen = true;
  #present = 0;
  #emptied = new AbortController();
  #othersUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether anything may be claimed and started. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether suspects have had their turn, and the others come first. */
  get isOthersTurn(): boolean {
    return this.#clock.monotonicMs() < this.#othersUntilMs;
  }

  /** Whether a job that a claim has just brought may ask to be alone. */
  get mayClose(): boolean {
    // That claim is here as well.
    return this.#present <= 1 || !this.isOthersTurn;
  }

  /** Calls back whenever it closes and opens again; answers with a function that ends it. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Somebody is here, until it has left. */
  enter(): void {
    this.#present += 1;
  }

  leave(): void {
    this.#present -= 1;
    if (this.#present === 0) this.#emptied.abort();
  }

  /**
   * Calls `run` when nobody is here, and lets nobody in until it has ended. To be called while `mayClose`, within the
   * claim that brought the job. False when others were here for longer than `longestMs`, or when it was given up by
   * `signal`.
   */
  async alone(longestMs: number, signal: AbortSignal, run: () => Promise<void>): Promise<boolean> {
    this.#isOpen = false;
    for (const { onClose } of this.#watchers) onClose();
    const closedMs = this.#clock.monotonicMs();
    try {
      await this.#leftAlone(longestMs, signal);
      if (this.#present > 0 || signal.aborted) return false;
      await run();
      return true;
    } finally {
      const nowMs = this.#clock.monotonicMs();
      this.#othersUntilMs = nowMs + (nowMs - closedMs);
      this.#isOpen = true;
      for (const { onOpen } of this.#watchers) onOpen();
    }
  }

  /** Once it is empty, it stays so: only answers of claims that are counted here bring anybody in. */
  async #leftAlone(longestMs: number, signal: AbortSignal): Promise<void> {
    this.#emptied = new AbortController();
    const ended = AbortSignal.any([signal, this.#emptied.signal]);
    if (this.#present > 0) await pause(this.#clock, longestMs, ended);
  }
}
