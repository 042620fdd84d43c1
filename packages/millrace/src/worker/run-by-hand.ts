import { toAttemptError } from '../core/attempt-error.ts';
import { MillraceError } from '../core/errors.ts';
import type { Emit, Events } from '../core/events.ts';
import { isFinished, isJobId, type Job } from '../core/job.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { Middleware } from '../core/middleware.ts';
import type { Millrace, WorkerOptions } from '../core/millrace.ts';
import { runJobChecks } from '../core/operator/options.ts';
import type { ClaimRefused, JobClaim, RunJobAnswer, RunJobOptions } from '../core/operator/run.ts';
import { checkOptions, defaults } from '../core/options.ts';
import type {
  ClaimAnswer,
  ClaimRequest,
  SettleRequest,
  Storage,
  WorkSession,
} from '../core/storage.ts';
import type { Ended } from './outcome.ts';
import { endOf } from './run-attempt.ts';
import type { WorkerParts } from './worker-parts.ts';
import type { JobWorker } from './worker.ts';

/** An identity that was declared dead renews itself with the next claim. */
const maxTries = 3;

export interface ByHandParts {
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  /** Stands around the handlers of all of them. */
  readonly use: readonly Middleware[];
  readonly client: Pick<Millrace, 'get'>;
  readonly storage: Pick<Storage, 'session'>;
  readonly bus: { readonly emit: Emit };
  /** A worker of this process, with some parts of its own. */
  readonly workerOf: (options: WorkerOptions, own: Partial<WorkerParts>) => JobWorker;
}

/**
 * Runs one job by a worker that claims nothing else: with all that an attempt has, its lease and liveness, its time limit,
 * its transaction. What is asked for by hand is not held back by anything but the job itself.
 *
 * To roll back, the handler's end is noted and its transaction refused, and whatever would be settled is given back.
 * @throws MILLRACE_KIND_UNKNOWN, MILLRACE_HANDLER_MISSING, MILLRACE_OPTION_INVALID, MILLRACE_PAYLOAD_UNREADABLE
 */
export async function runByHand(
  parts: ByHandParts,
  id: string,
  options: RunJobOptions = {},
): Promise<RunJobAnswer> {
  const { rollback = false } = checkOptions(runJobChecks, options, 'runJob');
  const { signal } = options;
  signal?.throwIfAborted();
  const job = isJobId(id) ? await parts.client.get(id) : null;
  if (job === null) return { status: 'missing' };
  if (isFinished(job.state)) return { status: 'finished', state: job.state };
  const run = new Run(parts, rollback, job, definitionOf(job, parts.jobs, rollback));
  const claim = await run.perform(signal);
  if (claim !== 'ran') return claim;
  const after = await parts.client.get(id);
  const { end } = run;
  // An isolated handler returns what it returns elsewhere.
  const returned = end.returned ?? after?.result ?? undefined;
  return { status: 'ran', state: after?.state ?? null, ...end, returned };
}

/** One job in the hands of a worker of its own. */
class Run {
  readonly #parts: ByHandParts;
  readonly #rollback: boolean;
  readonly #worker: JobWorker;
  readonly #port: WorkSession;
  #claim: JobClaim | undefined;
  #failure: Error | undefined;
  #ended: Ended | undefined;
  #finished: Events['attempt:finished'] | undefined;

  constructor(parts: ByHandParts, rollback: boolean, job: Job, definition: AnyJobDefinition) {
    this.#parts = parts;
    this.#port = parts.storage.session();
    this.#rollback = rollback;
    this.#worker = parts.workerOf(
      { concurrency: 1, queues: [job.queue] },
      {
        port: withMethods(this.#port, {
          claim: (request) => this.#claimJob(request, job.id, definition.settings.version),
          settle: (requests) => this.#port.settle(rollback ? requests.map(givenBack) : requests),
        }),
        emit: this.#emit,
        // What is asked for by hand is not held back by a flag.
        jobs: [{ ...definition, settings: { ...definition.settings, enabled: undefined } }],
        use: [this.#noting, ...parts.use],
      },
    );
  }

  /** What kept it from running, or `ran`. */
  async perform(signal: AbortSignal | undefined): Promise<'ran' | ClaimRefused> {
    const worker = this.#worker;
    const stop = () => void worker.stop({ grace: 0 });
    signal?.addEventListener('abort', stop);
    try {
      // A tick of a worker that was stopped is refused.
      for (let tries = 1; tries <= maxTries && this.#isOpen && !isStopped(signal); tries++) {
        await worker.tick();
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      await worker.stop();
    }
    const claim = this.#claim;
    if (claim === undefined && this.#failure !== undefined) throw this.#failure;
    if (this.#finished !== undefined) return 'ran';
    // Given back before it began, as a suspect beside others may be.
    if (claim === undefined || claim.status === 'dead' || claim.status === 'claimed')
      return { status: 'busy' };
    if (claim.status === 'newer') {
      throw new MillraceError(
        'MILLRACE_PAYLOAD_UNREADABLE',
        'the payload was made by a newer version of the definition than the one here',
      );
    }
    return claim;
  }

  get #isOpen(): boolean {
    return this.#claim === undefined || this.#claim.status === 'dead';
  }

  get end(): Pick<Extract<RunJobAnswer, { status: 'ran' }>, 'durationMs' | 'returned' | 'error'> {
    const { durationMs = 0, error = null } = this.#finished ?? {};
    const ended = this.#ended;
    if (ended === undefined) return { durationMs, returned: undefined, error };
    if ('returned' in ended) {
      // A result that cannot be stored, or a time that was over, fails the attempt all the same.
      return { durationMs, returned: ended.returned, error: this.#rollback ? null : error };
    }
    const thrown = toAttemptError(ended.thrown, defaults.errorMaxBytes);
    return { durationMs, returned: undefined, error: thrown };
  }

  async #claimJob(
    { worker, lease }: ClaimRequest,
    id: string,
    version: number,
  ): Promise<ClaimAnswer> {
    try {
      this.#claim = await this.#port.claimJob({ worker, lease, id, version });
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
    const jobs = this.#claim.status === 'claimed' ? [this.#claim.job] : [];
    const dead = this.#claim.status === 'dead';
    return { jobs, bytes: 0, dead, dueInMs: null, unwritten: [], paused: [] };
  }

  /** An attempt that is undone is none, so nobody is told of it. */
  readonly #emit: Emit = (name, data) => {
    if (name === 'attempt:finished') this.#finished = data as Events['attempt:finished'];
    if (this.#rollback && (name === 'attempt:started' || name === 'attempt:finished')) return;
    this.#parts.bus.emit(name, data);
  };

  /** Outside of all else it leaves a note of how the attempt ended and, to roll back, refuses its transaction. */
  readonly #noting: Middleware = {
    attempt: async (_, next) => {
      const ended = await endOf(next);
      this.#ended = ended;
      if (this.#rollback) throw new Error('rolled back by hand');
      if ('thrown' in ended) throw ended.thrown;
      return ended.returned;
    },
  };
}

function definitionOf(
  { kind }: Job,
  jobs: ReadonlyMap<string, AnyJobDefinition>,
  rollback: boolean,
): AnyJobDefinition {
  const definition = jobs.get(kind);
  if (definition === undefined) {
    throw new MillraceError('MILLRACE_KIND_UNKNOWN', `nothing here knows the kind '${kind}'`);
  }
  if (definition.settings.handler === undefined) {
    throw new MillraceError('MILLRACE_HANDLER_MISSING', `'${kind}' has no handler here`);
  }
  if (rollback && definition.settings.transaction === undefined) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      `runJob.rollback: the handler of '${kind}' has no transaction, so what it does cannot be undone`,
    );
  }
  return definition;
}

function isStopped(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function givenBack(request: SettleRequest): SettleRequest {
  return { ...request, settlement: { type: 'giveBack' } };
}

/** The session with some of its methods replaced; all others find what is private to it. */
function withMethods(
  port: WorkSession,
  methods: Pick<WorkSession, 'claim' | 'settle'>,
): WorkSession {
  return new Proxy(port, {
    get(target, name) {
      if (name === 'claim' || name === 'settle') return methods[name];
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
