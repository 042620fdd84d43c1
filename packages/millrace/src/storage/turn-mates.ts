// From the module: a test that stops the global timers does not mean what is on its way to the database, and where jsdom stands in
// for a browser there is no global one.
import { setImmediate } from 'node:timers';
import { isRefusal } from '../core/database-error.ts';
import type { NewJob, StoredJob } from '../core/storage.ts';

/** So many jobs go into one statement: more would save little more. */
const mostTogether = 100;

interface Waiting {
  readonly job: NewJob;
  readonly resolve: (stored: StoredJob) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Jobs that are enqueued one by one, yet in the same turn of the event loop, go to the database in one statement and one
 * commit: under load a process so needs a fraction of the statements, and without load nothing waits. Each job is still
 * stored or refused by itself.
 */
export class TurnMates {
  readonly #store: (jobs: readonly NewJob[]) => Promise<readonly StoredJob[]>;
  #waiting: Waiting[] = [];

  /** @param store Stores all of them or none. */
  constructor(store: (jobs: readonly NewJob[]) => Promise<readonly StoredJob[]>) {
    this.#store = store;
  }

  add(job: NewJob): Promise<StoredJob> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#send());
    });
  }

  #send(): void {
    const all = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < all.length; at += mostTogether)
      void this.#storeAll(all.slice(at, at + mostTogether));
  }

  async #storeAll(waiting: readonly Waiting[]): Promise<void> {
    try {
      const stored = await this.#store(waiting.map(({ job }) => job));
      for (const [index, { resolve }] of waiting.entries()) resolve(stored[index] as StoredJob);
    } catch (error) {
      // Nothing was stored, and any one of them may be what was refused.
      if (waiting.length > 1 && isRefusal(error))
        for (const each of waiting) void this.#storeAll([each]);
      else for (const { reject } of waiting) reject(error);
    }
  }
}
