import type { Emit } from '../core/events.ts';
import type { WorkSession } from '../core/storage.ts';

const eachMs = 60_000;

/** Jobs that have been due for less may be met by a worker that is about to start. */
const dueForMs = 10_000;

/** Tells of due jobs that no live worker would ever take: a kind that nobody handles, a queue that nobody serves. */
export class UnservedWatch {
  readonly #session: Pick<WorkSession, 'unserved'>;
  readonly #emit: Emit;
  readonly #isLeader: () => boolean;

  constructor(parts: {
    session: Pick<WorkSession, 'unserved'>;
    emit: Emit;
    /** One process of all is enough. */
    isLeader: () => boolean;
  }) {
    this.#session = parts.session;
    this.#emit = parts.emit;
    this.#isLeader = parts.isLeader;
  }

  /** One pass; answers with the milliseconds until the next one. */
  async pass(): Promise<number> {
    if (!this.#isLeader()) return eachMs;
    for (const found of await this.#session.unserved(dueForMs)) this.#emit('jobs:unserved', found);
    return eachMs;
  }
}
