import type { Service } from './core/service.ts';
import type { Storage } from './core/storage.ts';

/**
 * What the workers and schedulers of one process share: the session, the maintenance and the watch over the event loop. It begins with the first of them
 * and ends with the last, so that a process that only enqueues has none of it.
 */
export class ProcessShare {
  readonly #storage: Storage;
  readonly #services: readonly Service[];
  readonly #users = new Set<object>();
  readonly #onProcessStart: () => Promise<void>;
  #beginning: Promise<void> = Promise.resolve();

  constructor(
    storage: Storage,
    services: readonly Service[],
    onProcessStart: () => void | Promise<void>,
  ) {
    this.#storage = storage;
    let started: Promise<void> | undefined;
    this.#onProcessStart = () =>
      (started ??= Promise.resolve()
        .then(onProcessStart)
        .catch((error: unknown) => {
          started = undefined;
          throw error;
        }));
    this.#services = services;
  }

  /**
   * @throws MILLRACE_SCHEMA_…, MILLRACE_DB_…
   */
  async begin(user: object): Promise<void> {
    if (this.#users.has(user)) return this.#beginning;
    this.#users.add(user);
    if (this.#users.size === 1) {
      this.#beginning = this.#prepare();
    }
    try {
      await this.#beginning;
    } catch (error) {
      await this.end(user);
      throw error;
    }
  }

  /** What cannot work at all is found here, before anything runs in the background. */
  async #prepare(): Promise<void> {
    await this.#onProcessStart();
    await this.#storage.verify();
    await this.#storage.session().open();
    await Promise.all(this.#services.map((service) => service.start()));
  }

  async end(user: object): Promise<void> {
    if (!this.#users.delete(user) || this.#users.size > 0) return;
    await Promise.all(this.#services.map((service) => service.stop()));
    if (this.#users.size === 0) await this.#storage.session().close();
  }
}
