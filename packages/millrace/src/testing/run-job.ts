import type { AnyJobDefinition, InputOf, JobRequest, PayloadArgs } from '../core/job-definition.ts';
import type { ClaimedJob, JobState } from '../core/job.ts';
import type { Enqueue, EnqueueMany } from '../core/enqueue.ts';
import { MillraceError } from '../core/errors.ts';
import { flagSourceOf, type FlagSource } from '../core/flags.ts';
import type { Json } from '../core/json.ts';
import type { Settlement } from '../core/lifecycle.ts';
import type { Logger } from '../core/logger.ts';
import { layersOf, middlewareList, type Middleware } from '../core/middleware.ts';
import { checkOptions, defaults } from '../core/options.ts';
import type { Progress } from '../core/progress.ts';
import type { JobTransaction, NewJob } from '../core/storage.ts';
import { enqueueJob, type Limits } from '../client/prepare.ts';
import { systemClock, systemTime } from '../system-clock.ts';
import { HeldJob } from '../worker/held-job.ts';
import { runAttempt, type Surroundings } from '../worker/run-attempt.ts';
import { Ledger } from './ledger.ts';
import { runJobChecks } from './options.ts';

/** What a handler is told beside its payload. */
export interface RunJobOptions {
  /** Default `'1'`. */
  readonly id?: string;
  /** Default 1. */
  readonly attempt?: number;
  /** Default: that of the definition. */
  readonly maxAttempts?: number;
  readonly tags?: readonly string[];
  /** Default: now. */
  readonly createdAt?: Date;
  /** Default: `createdAt`. */
  readonly scheduledAt?: Date;
  /** When it aborts, the handler's signal aborts, as if somebody cancelled the job. */
  readonly signal?: AbortSignal;
  /** Default: silence. */
  readonly logger?: Logger;
  /** Where `context.flags` is decided. Default: every answer is the fallback. */
  readonly flags?: FlagSource;
  /** What stands around it beside what its definition uses, as `use` of createMillrace does. Default: none. */
  readonly use?: readonly Middleware[];
  /** What a transactional handler gets as `context.tx`; ending it is up to you. */
  readonly tx?: unknown;
}

/** A job that a handler enqueued. */
export type EnqueuedByHandler = Pick<
  NewJob,
  'kind' | 'queue' | 'priority' | 'payload' | 'uniqueKey' | 'delayMs' | 'scheduledAt'
> & { readonly tags: readonly string[] };

/** What became of the job. */
export interface RunJobResult {
  /** `completed`; `retryable` after `retryAfter`; `scheduled` after `snooze`; `cancelled`; `discarded`. */
  readonly state: JobState;
  /** What a completed job's handler returned, as it is kept. */
  readonly result: Json;
  /** Why the job was cancelled or discarded. */
  readonly reason: string | null;
  /** When it waits: for how long. */
  readonly delayMs: number | null;
  /** What its handler enqueued, in order. */
  readonly enqueued: readonly EnqueuedByHandler[];
  /** What it said of its progress, in order. */
  readonly progress: readonly Progress[];
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Runs one attempt of a handler without a database. The payload is judged, stored as JSON and decoded again as in a real one, the
 * context is complete, and what the handler enqueues is judged and noted.
 * @throws what the handler throws, the very object; MILLRACE_PAYLOAD_…, MILLRACE_HANDLER_MISSING, MILLRACE_ATTEMPT_TIMEOUT,
 *   MILLRACE_OPTION_…
 */
export async function runJob<D extends AnyJobDefinition>(
  definition: D,
  ...[payload, options = {}]: PayloadArgs<InputOf<D>, RunJobOptions>
): Promise<RunJobResult> {
  const checked = checkOptions(runJobChecks, options, 'runJob');
  const limits = { ...defaults, use: middlewareList(options.use, 'runJob.use') };
  const stored = await storedJob({ definition, payload, options: {} }, limits);
  const ledger = new Ledger();
  const { settings } = definition;
  const { handler } = settings;
  if (handler === undefined)
    throw new MillraceError('MILLRACE_HANDLER_MISSING', `'${definition.kind}' has no handler`);
  if (settings.transaction !== undefined && checked.tx === undefined) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      `runJob: the handler of '${definition.kind}' is transactional; pass its transaction as tx, or use drain`,
    );
  }
  const held = new HeldJob(claimedJob(stored, checked), {
    ...settings,
    isolate: undefined,
    handler,
    layers: layersOf([ledger.noting, ...limits.use], settings.use),
  });
  ledger.claimed([held.job]);
  const stopWaiting = obey(options.signal, held);
  const enqueued: EnqueuedByHandler[] = [];
  let settlement: Settlement | null = null;
  const progress: Progress[] = [];
  const around = surroundings({ enqueued, progress }, options, limits, (written) => {
    settlement = written;
  });
  settlement = (await runAttempt(held, around)).settlement ?? settlement;
  stopWaiting();
  return { ...resultOf(held, settlement, ledger), enqueued, progress };
}

/** As it would be stored, whatever stands around it. */
async function storedJob(request: JobRequest, limits: Limits): Promise<NewJob> {
  let stored: NewJob | undefined;
  await enqueueJob(request, limits, async (job) => {
    stored = job;
    return { status: 'created', id: '1' };
  });
  if (stored !== undefined) return stored;
  throw new MillraceError(
    'MILLRACE_MIDDLEWARE_INVALID',
    `runJob: middleware keeps '${request.definition.kind}' from being enqueued`,
  );
}

function claimedJob(
  stored: NewJob,
  options: ReturnType<typeof checkOptions<typeof runJobChecks>>,
): ClaimedJob {
  const { id, attempt, maxAttempts, tags, createdAt, scheduledAt } = options;
  const createdMs = (createdAt ?? systemTime()).getTime();
  return {
    id: id ?? '1',
    lease: '1',
    kind: stored.kind,
    queue: stored.queue,
    priority: stored.priority,
    attempt: attempt ?? 1,
    maxAttempts: maxAttempts ?? stored.maxAttempts,
    crashes: 0,
    createdMs,
    scheduledMs: scheduledAt?.getTime() ?? createdMs,
    claimedMs: createdMs,
    payload: stored.payload,
    payloadVersion: stored.payloadVersion ?? 1,
    meta: tags === undefined ? {} : { tags },
    policy: {},
  };
}

/** Passes the abort of a signal on to the handler's. */
function obey(signal: AbortSignal | undefined, held: HeldJob): () => void {
  const interrupt = () =>
    held.interrupt(
      'cancelled',
      new MillraceError('MILLRACE_JOB_CANCELLED', 'cancelled by the test'),
    );
  if (signal?.aborted === true) interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  return () => signal?.removeEventListener('abort', interrupt);
}

/** What an attempt needs around it, without a database. */
function surroundings(
  { enqueued, progress }: { enqueued: EnqueuedByHandler[]; progress: Progress[] },
  { logger = silent, flags, tx }: RunJobOptions,
  limits: Limits,
  onCommit: (settlement: Settlement) => void,
): Surroundings {
  const note = (request: JobRequest) => {
    const { tx: _, ...rest } = request.options as Record<string, unknown>;
    return enqueueJob({ ...request, options: rest }, limits, async (job) => {
      const { kind, queue, priority, payload, uniqueKey, delayMs, scheduledAt, meta } = job;
      const tags = meta.tags ?? [];
      enqueued.push({ kind, queue, priority, payload, uniqueKey, delayMs, scheduledAt, tags });
      return { status: 'created', id: String(enqueued.length) } as const;
    });
  };
  const enqueue: Enqueue = (definition, ...[payload, options = {}]) =>
    note({ definition, payload, options });
  const enqueueMany: EnqueueMany = async (requests) => {
    const answers = [];
    for await (const request of requests) answers.push(await note(request));
    return answers;
  };
  const transaction: JobTransaction = {
    tx,
    within: (body) => body(),
    settleAndCommit({ id, settlement }) {
      onCommit(settlement);
      return Promise.resolve({ id, status: 'already' });
    },
    rollback: () => Promise.resolve(),
  };
  return {
    clock: systemClock,
    emit() {},
    random: () => 0.5,
    resultMaxBytes: defaults.resultMaxBytes,
    port: { begin: () => Promise.resolve(transaction), holds: () => Promise.resolve(['held']) },
    enqueue,
    enqueueMany,
    isolation: { run: () => Promise.reject(new Error('handlers run in this process')) },
    flags: flagSourceOf(flags),
    progress: { report: (_, said) => progress.push(said), ended() {} },
    logFor: () => ({ logger, lines: () => null }),
    aroundAttempt: (_, run) => run(),
    began: () => () => {},
    certain: () => Promise.resolve(),
  };
}

function resultOf(
  { job }: HeldJob,
  settlement: Settlement | null,
  ledger: Ledger,
): Omit<RunJobResult, 'enqueued' | 'progress'> {
  if (settlement !== null)
    ledger.settled({ id: job.id, settlement }, { id: job.id, status: 'already' });
  const [attempt] = ledger.attempts;
  if (settlement === null || attempt === undefined || attempt.state === 'crashed')
    throw new MillraceError(
      'MILLRACE_UNEXPECTED',
      `runJob: the attempt of '${job.kind}' came to nothing`,
    );
  // Whatever the handler threw, an error or not.
  if (attempt.error !== undefined) throw attempt.error as Error;
  const isFinished = settlement.type === 'finish';
  return {
    state: attempt.state,
    result: isFinished ? settlement.result : null,
    reason: isFinished ? settlement.reason : null,
    delayMs: settlement.type === 'wait' ? settlement.delay.ms : null,
  };
}
