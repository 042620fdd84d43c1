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

/** So much may be in hand of jobs that wait; payloads of 100 kB by the thousand would be most of a process's memory. */
const mostBytes = 16 * 1024 * 1024;

/** A job that waits in hand for this long shows that the measurement no longer holds. */
export const givenBackAfterMs = 5 * boundMs;

/**
 * How many jobs a worker takes beyond its free slots, from the run times of its jobs and their size: as many as it can start
 * within the bound. Slow runs and large jobs count at once, fast and small ones by and by, so that one slow handler among fast
 * ones is not forgotten.
 */
export class Prefetch {
  readonly #concurrency: number;
  #runMs = Number.POSITIVE_INFINITY;
  #jobBytes = 0;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  /** A job ran for so long. */
  ran(ms: number): void {
    const before = this.#runMs === Number.POSITIVE_INFINITY ? ms : this.#runMs;
    this.#runMs = before + (ms - before) * (ms > before ? 0.5 : 0.05);
  }

  /** A claim brought so many jobs, which took so many bytes together. */
  brought(jobs: number, bytes: number): void {
    if (jobs === 0) return;
    const each = bytes / jobs;
    this.#jobBytes = Math.max(each, this.#jobBytes + (each - this.#jobBytes) * 0.05);
  }

  /** What was measured no longer holds: nothing is taken ahead until a job has ended. */
  forget(): void {
    this.#runMs = Number.POSITIVE_INFINITY;
  }

  get depth(): number {
    const inTime = (this.#concurrency * boundMs) / Math.max(this.#runMs, 0.001);
    const inRoom = mostBytes / Math.max(this.#jobBytes, 1);
    return Math.floor(Math.min(most, inTime, inRoom));
  }
}
