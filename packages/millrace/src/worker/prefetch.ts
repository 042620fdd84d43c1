/**
 * How long a job may wait in the hands of a worker before it starts, by what the worker has measured. Short, because it
 * keeps the job from an idle neighbour; long enough to hide the way to the database and back.
 */
const boundMs = 50;

/** More in one claim would make the claim long and gain nothing. */
export const mostPerClaim = 500;

/** A claim for so many need not wait to become a larger one. */
export const worthwhile = mostPerClaim / 2;

/** One claim's worth of jobs runs here while the next one is under way. */
const most = 2 * mostPerClaim;

/** A job that waits in hand for this long shows that the measurement no longer holds. */
export const givenBackAfterMs = 5 * boundMs;

/**
 * How many jobs a worker takes beyond its free slots, from the run times of its jobs: as many as it can start within the
 * bound. Slow runs count at once, fast ones by and by, so that one slow handler among fast ones is not forgotten.
 */
export class Prefetch {
  readonly #concurrency: number;
  #runMs = Number.POSITIVE_INFINITY;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  /** A job ran for so long. */
  ran(ms: number): void {
    const before = this.#runMs === Number.POSITIVE_INFINITY ? ms : this.#runMs;
    this.#runMs = before + (ms - before) * (ms > before ? 0.5 : 0.05);
  }

  /** What was measured no longer holds: nothing is taken ahead until a job has ended. */
  forget(): void {
    this.#runMs = Number.POSITIVE_INFINITY;
  }

  get depth(): number {
    return Math.floor(Math.min(most, (this.#concurrency * boundMs) / Math.max(this.#runMs, 0.001)));
  }
}
