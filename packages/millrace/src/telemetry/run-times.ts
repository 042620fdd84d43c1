/** The mean follows the last so many runs. */
const window = 100;

interface QueueTimes {
  meanMs: number;
  runs: number;
}

/** How long the jobs of each queue take here, and how many run at a time: what it takes to say how many workers are wanted. */
export class RunTimes {
  readonly #times = new Map<string, QueueTimes>();
  readonly #slots = new Map<string, number>();

  /** A worker here serves these queues. */
  serve(queues: readonly string[], concurrency: number): void {
    for (const queue of queues) this.#slots.set(queue, concurrency);
  }

  /** The queues that a worker here has served. */
  served(): Iterable<string> {
    return this.#slots.keys();
  }

  /** A job ran. Only of queues that a worker here serves, so that there is a bound. */
  add(queue: string, runMs: number): void {
    const known = this.#times.get(queue);
    if (known === undefined) {
      if (this.#slots.has(queue)) this.#times.set(queue, { meanMs: runMs, runs: 1 });
      return;
    }
    known.runs = Math.min(known.runs + 1, window);
    known.meanMs += (runMs - known.meanMs) / known.runs;
  }

  /**
   * Due jobs × mean run time ÷ (concurrency × target delay), not rounded, so that an autoscaler can add up its queues.
   * Undefined while nothing has run here, unless nothing is due.
   */
  workersWanted(queue: string, due: number, targetDelayMs: number): number | undefined {
    const times = this.#times.get(queue);
    const slots = this.#slots.get(queue);
    if (slots === undefined) return undefined;
    if (due === 0) return 0;
    if (times === undefined) return undefined;
    return (due * times.meanMs) / (slots * targetDelayMs);
  }
}
