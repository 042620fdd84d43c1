import type { Emit } from '../core/events.ts';
import type { WorkSession } from '../core/storage.ts';

const hourMs = 3_600_000;

/** How long finished jobs are kept. */
export interface Retention {
  readonly completedMs: number;
  readonly failedMs: number;
}

/** Makes the history's tables of the days ahead and drops those that the retention no longer keeps. */
export class PartitionKeeper {
  readonly #session: WorkSession;
  readonly #emit: Emit;
  readonly #retention: Retention;

  constructor(parts: { session: WorkSession; emit: Emit; retention: Retention }) {
    this.#session = parts.session;
    this.#emit = parts.emit;
    this.#retention = parts.retention;
  }

  /** One pass; answers with the milliseconds until the next one. */
  async pass(): Promise<number> {
    for (const partition of await this.#session.createPartitions())
      this.#emit('partition:created', { partition });
    for (const partition of await this.#session.dropPartitions(this.#retention)) {
      this.#emit('partition:dropped', { partition });
    }
    return hourMs;
  }
}
