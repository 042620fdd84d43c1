import type { ClaimRequest } from '../core/storage.ts';
import type { HeldJob } from './held-job.ts';
import type { WorkerSettings } from './settings.ts';

/** The jobs in hand, and the room for more. A job takes its slot until its outcome is written or its lease is lost. */
export class Hands {
  readonly #settings: Pick<WorkerSettings, 'concurrency' | 'queues'>;
  readonly #held = new Set<HeldJob>();
  #turn = 0;

  constructor(settings: Pick<WorkerSettings, 'concurrency' | 'queues'>) {
    this.#settings = settings;
  }

  /** What a claim may bring now; undefined when there is no room. */
  room(): Pick<ClaimRequest, 'queues' | 'limit'> | undefined {
    const { concurrency, queues } = this.#settings;
    const limit = concurrency - this.#held.size;
    if (limit <= 0) return undefined;
    const taken = new Map<string, number>();
    for (const { job } of this.#held) taken.set(job.queue, (taken.get(job.queue) ?? 0) + 1);
    const open = [...queues]
      .map(([queue, most]) => ({ queue, limit: Math.min(limit, most - (taken.get(queue) ?? 0)) }))
      .filter((queue) => queue.limit > 0);
    if (open.length === 0) return undefined;
    // A claim serves the queues in their order, so each is the first in turn; a full one would starve those behind it.
    const first = this.#turn++ % open.length;
    return { limit, queues: [...open.slice(first), ...open.slice(0, first)] };
  }

  add(held: HeldJob): void {
    this.#held.add(held);
  }

  delete(held: HeldJob): void {
    this.#held.delete(held);
  }

  /** Everything in hand. */
  all(): HeldJob[] {
    return [...this.#held];
  }

  /** Those whose handler has not ended. */
  running(): HeldJob[] {
    return this.all().filter((held) => held.isRunning);
  }
}
