import type { EnqueueResult } from '../core/enqueue.ts';
import type { NewJob } from '../core/storage.ts';
import type { Executor } from '../core/transaction.ts';
import {
  enqueueThroughLayers,
  layersAround,
  prepareJob,
  type Limits,
  type Requested,
} from './prepare.ts';

/** A job among many. */
export interface Gathered {
  /** Undefined where middleware has answered by itself. */
  readonly job: NewJob | undefined;
  /** Where middleware stands around it. */
  readonly way?: Way;
}

/** What the middleware of a job waits for, and what it comes to in the end. */
interface Way {
  readonly stored: PromiseWithResolvers<EnqueueResult>;
  readonly answer: Promise<EnqueueResult>;
}

/**
 * Jobs that are stored together, although each goes through its middleware alone: the innermost `next` of each waits until
 * all of a chunk have been stored.
 */
export class Gathering {
  readonly #limits: Limits;
  readonly #storeJobs: (jobs: readonly NewJob[], on?: Executor) => Promise<EnqueueResult[]>;
  /** Those whose middleware has not ended. */
  readonly #open = new Set<Way>();

  constructor(
    limits: Limits,
    storeJobs: (jobs: readonly NewJob[], on?: Executor) => Promise<EnqueueResult[]>,
  ) {
    this.#limits = limits;
    this.#storeJobs = storeJobs;
  }

  /** Resolves when the job is ready to be stored. @throws what keeps it from that */
  async take(request: Requested): Promise<Gathered> {
    const layers = layersAround(request.definition, this.#limits);
    if (layers === undefined || layers.enqueue.length === 0)
      return { job: await prepareJob(request, this.#limits, layers) };
    const stored = Promise.withResolvers<EnqueueResult>();
    // Middleware that answers by itself never waits for it.
    stored.promise.catch(() => {});
    const ready = Promise.withResolvers<NewJob | undefined>();
    const answer = enqueueThroughLayers(request, this.#limits, layers, (job) => {
      ready.resolve(job);
      return stored.promise;
    });
    answer.then(() => ready.resolve(undefined), ready.reject);
    const way = { stored, answer };
    const job = await ready.promise;
    this.#open.add(way);
    return { job, way };
  }

  /** Stores them and answers in their order. */
  async store(chunk: readonly Gathered[], on?: Executor): Promise<EnqueueResult[]> {
    const jobs = chunk.flatMap(({ job }) => job ?? []);
    const made = jobs.length === 0 ? [] : await this.#storeJobs(jobs, on);
    if (chunk.every(({ way }) => way === undefined)) return made;
    let next = 0;
    const answers = chunk.map(({ job, way }) => {
      const result = job === undefined ? undefined : made[next++];
      if (result !== undefined) way?.stored.resolve(result);
      return way === undefined ? Promise.resolve(result as EnqueueResult) : way.answer;
    });
    const all = await Promise.all(answers);
    for (const { way } of chunk) if (way !== undefined) this.#open.delete(way);
    return all;
  }

  /** Nothing more will be stored: the middleware of each job that is under way gets to know why, and ends. */
  async fail(why: unknown): Promise<void> {
    for (const { stored } of this.#open) stored.reject(why);
    await Promise.allSettled(Array.from(this.#open, ({ answer }) => answer));
  }
}
