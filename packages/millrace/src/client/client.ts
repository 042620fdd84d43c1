import type { EnqueueOptions, EnqueueResult } from '../core/enqueue.ts';
import { MillraceError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { isJobId, type Job } from '../core/job.ts';
import type { AnyJobDefinition, JobRequest } from '../core/job-definition.ts';
import { cancelChecks, checkOptions, defaults, joinChecks } from '../core/options.ts';
import type { EnqueueAnswer } from '../core/middleware.ts';
import type { CancelAnswer, NewJob, RetryAnswer, Storage, StoredJob } from '../core/storage.ts';
import type { AroundEnqueue } from '../core/telemetry.ts';
import type { Executor } from '../core/transaction.ts';
import type { TransactionHandle } from '../core/transaction-handles.ts';
import { Gathering, type Gathered } from './gathering.ts';
import { enqueueJob, type Limits } from './prepare.ts';

/** So many jobs go into one statement: enough to be fast, few enough that a hundred thousand need little memory. */
const chunkSize = 1_000;

/** What producers and operators do. */
export class Client {
  readonly #storage: Storage;
  readonly #emit: Emit;
  readonly #limits: Limits;
  readonly #aroundEnqueue: AroundEnqueue;

  constructor(parts: {
    storage: Storage;
    emit: Emit;
    limits: Limits;
    aroundEnqueue: AroundEnqueue;
  }) {
    this.#storage = parts.storage;
    this.#emit = parts.emit;
    this.#limits = parts.limits;
    this.#aroundEnqueue = parts.aroundEnqueue;
  }

  async enqueue(
    definition: AnyJobDefinition,
    payload: unknown,
    options: EnqueueOptions = {},
  ): Promise<EnqueueResult> {
    const { tx, ...rest } = options;
    const on = this.#on(tx);
    const request = { definition, payload, options: rest, tx };
    return enqueueJob(request, this.#limits, async (job) => {
      const [answer] = await this.#store([job], on);
      return answer as EnqueueResult;
    });
  }

  async enqueueMany(
    requests: Iterable<JobRequest> | AsyncIterable<JobRequest>,
    options: { readonly tx?: TransactionHandle } = {},
  ): Promise<EnqueueResult[]> {
    const on = this.#on(checkOptions(joinChecks, options, 'enqueueMany').tx);
    const gathering = new Gathering(this.#limits, (jobs, inside) => this.#store(jobs, inside));
    const chunks = this.#chunks(requests, options.tx, gathering);
    try {
      return await this.#enqueueAll(chunks, on, gathering);
    } catch (error) {
      await gathering.fail(error);
      throw error;
    } finally {
      // Whatever the requests come from, a file or a cursor, may be closed.
      await chunks.return();
    }
  }

  async #enqueueAll(
    chunks: AsyncGenerator<Gathered[], void>,
    on: Executor | undefined,
    gathering: Gathering,
  ): Promise<EnqueueResult[]> {
    // One chunk is one statement, which is all or nothing by itself.
    const first = await chunks.next();
    if (first.done === true) return [];
    if (on === undefined && first.value.length < chunkSize) return gathering.store(first.value);
    const storeAll = async (inside: Executor) => {
      const answers: EnqueueResult[] = [];
      for (let chunk: IteratorResult<Gathered[], void> = first; chunk.done !== true;) {
        const storing = gathering.store(chunk.value, inside);
        // The next jobs are judged while the server stores these. What they come from may read in the caller's transaction, which
        // runs one statement at a time.
        const coming = on === undefined ? chunks.next() : storing.then(() => chunks.next());
        const [stored, next] = await Promise.allSettled([storing, coming]);
        if (stored.status === 'rejected') throw stored.reason;
        if (next.status === 'rejected') throw next.reason;
        answers.push(...stored.value);
        chunk = next.value;
      }
      return answers;
    };
    if (on !== undefined) return storeAll(on);
    return this.#storage.transaction('read committed', (tx) =>
      storeAll(this.#storage.executorOf(tx)),
    );
  }

  async get(id: string): Promise<Job | null> {
    return isJobId(id) ? this.#storage.get(id, defaults.attemptsShown) : null;
  }

  async cancel(
    id: string,
    options: { readonly reason?: string; readonly tx?: TransactionHandle } = {},
  ): Promise<CancelAnswer> {
    const { reason, tx } = checkOptions(cancelChecks, options, 'cancel');
    const on = this.#on(tx);
    if (!isJobId(id)) return { status: 'missing' };
    const answer = await this.#storage.cancel(id, reason ?? 'cancelled on request', on);
    if (answer.status === 'requested') this.#emit('job:cancel-requested', { id });
    return answer;
  }

  async retry(id: string, options: { readonly tx?: TransactionHandle } = {}): Promise<RetryAnswer> {
    const on = this.#on(checkOptions(joinChecks, options, 'retry').tx);
    return isJobId(id) ? this.#storage.retry(id, on) : { status: 'missing' };
  }

  /** Takes a job through all that comes before it is stored, for whoever stores it in another way. */
  enqueueBy<Answer extends EnqueueAnswer>(
    request: JobRequest,
    store: (job: NewJob) => Promise<Answer>,
  ): Promise<Answer> {
    return enqueueJob(request, this.#limits, store);
  }

  #on(tx: unknown): Executor | undefined {
    return tx === undefined ? undefined : this.#storage.executorOf(tx);
  }

  async #store(jobs: readonly NewJob[], on?: Executor): Promise<EnqueueResult[]> {
    let stored: readonly StoredJob[] = [];
    const answers = await this.#aroundEnqueue(jobs, async (carrying) => {
      stored = await this.#storage.enqueue(carrying, on);
      return stored.map(({ id, status }) => ({ id, status }));
    });
    for (const [index, { id, status, notified }] of stored.entries()) {
      const { kind, queue } = jobs[index] as NewJob;
      this.#emit('job:enqueued', {
        id,
        kind,
        queue,
        deduplicated: status === 'deduplicated',
        notified,
      });
    }
    return answers;
  }

  async *#chunks(
    requests: Iterable<JobRequest> | AsyncIterable<JobRequest>,
    tx: TransactionHandle | undefined,
    gathering: Gathering,
  ): AsyncGenerator<Gathered[], void> {
    let chunk: Gathered[] = [];
    let index = 0;
    for await (const request of requests) {
      const { definition, payload, options } = request;
      try {
        chunk.push(await gathering.take({ definition, payload, options, tx }));
      } catch (error) {
        throw naming(index, error);
      }
      index += 1;
      if (chunk.length === chunkSize) {
        yield chunk;
        chunk = [];
      }
    }
    if (chunk.length > 0) yield chunk;
  }
}

/** Says of our own errors which of many jobs they are about. */
function naming(index: number, error: unknown): unknown {
  if (!(error instanceof MillraceError)) return error;
  return new MillraceError(error.code, `job ${index}: ${error.message}`, { cause: error });
}
