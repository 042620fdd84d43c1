import type { Duration } from './duration.ts';
import { MillraceError } from './errors.ts';
import type { Enqueue, EnqueueMany } from './enqueue.ts';
import { enabledOf, type Enabled, type Flags } from './flags.ts';
import {
  isolatedAt,
  isolateSettings,
  type IsolatedJobContext,
  type IsolateOption,
  type IsolateSettings,
} from './isolation.ts';
import type { Logger } from './logger.ts';
import type { HistoryPolicy } from './lifecycle.ts';
import { middlewareList, type Middleware, type MiddlewareOf } from './middleware.ts';
import { checkOptions, defaults, definitionChecks, transactionChecks } from './options.ts';
import {
  codecOf,
  type EmptyPayload,
  type PayloadInput,
  type PayloadOutput,
  type PayloadSource,
} from './payload.ts';
import { upgradeSteps, type Upgrades, type Versioned } from './payload-version.ts';
import type { RetryPolicy } from './retry.ts';
import { scheduleSettings, type Schedule, type ScheduleOf } from './schedule-options.ts';
import type { IsolationLevel, Transaction, TransactionSource } from './transaction.ts';

/** What every handler is told about its attempt. */
export interface JobContext {
  readonly id: string;
  readonly kind: string;
  readonly queue: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly tags: readonly string[];
  readonly createdAt: Date;
  /** The logical due time of this attempt. */
  readonly scheduledAt: Date;
  /**
   * Aborts when the job is cancelled, runs out of time, loses its lease, or its worker stops and the grace is over; the
   * reason is an error with a code. Pass it on to whatever waits.
   */
  readonly signal: AbortSignal;
  /** Writes lines that carry kind, id, attempt and queue. */
  readonly logger: Logger;
  /** Flags of `flags` in createMillrace; without it every answer is the fallback. */
  readonly flags: Flags;
  /**
   * Says how far the job has come, in percent, for whoever looks at it: `get`, `millrace jobs show`. The last word of each
   * second is kept, and the last of all; it costs the handler nothing, never fails, and is never part of a transaction.
   */
  readonly progress: (percent: number, note?: string) => void;
  /** Enqueues another job; inside a transactional handler, in its transaction. */
  readonly enqueue: Enqueue;
  /** Enqueues many other jobs, all or none; inside a transactional handler, in its transaction. */
  readonly enqueueMany: EnqueueMany;
}

/** The context of a handler whose definition says `transaction`. */
export interface TransactionalJobContext<Tx = Transaction> extends JobContext {
  /** Commits together with the job's completion, or not at all. */
  readonly tx: Tx;
}

/**
 * Does the work of a job. What it returns is kept as the job's result (JSON, at most 64 KiB by default), unless it is
 * one of `snooze()`, `retryAfter()`, `cancel()`, `discard()`. What it throws fails the attempt.
 *
 * The type is a union so that a handler can return what enqueueing its own job answers: the compiler takes the first
 * member without looking at the handler's return type, which would lead it back to the definition.
 */
export type Handler<Payload, Context> =
  | ((payload: Payload, context: Context) => void)
  | ((payload: Payload, context: Context) => Promise<unknown>);

/**
 * Runs the handler inside one transaction that also writes its completion: one of `pg`, or of the library whose
 * transaction source is given.
 */
export type TransactionOption =
  | true
  | { readonly isolation?: IsolationLevel }
  | TransactionSource<never>;

type ContextOf<T, I> = [I] extends [undefined] ? OwnContextOf<T> : IsolatedJobContext;

type OwnContextOf<T> = [T] extends [undefined]
  ? JobContext
  : T extends TransactionSource<infer Tx>
    ? TransactionalJobContext<Tx>
    : TransactionalJobContext;

/** What `defineJob` takes. */
export interface JobOptions<
  Kind extends string,
  S,
  T,
  V extends number = number,
  I extends IsolateOption | undefined = undefined,
> {
  /** The name of this type of job, as stored. Renaming it strands the jobs that wait under the old name. */
  readonly kind: Kind;
  /** Any Standard Schema validator (zod, valibot, arktype, …), or a codec such as `protobuf(…)`. Default: no payload. */
  readonly payload?: S & (PayloadSource | undefined);
  /**
   * Raise it when payloads change so that those stored before no longer fit. Workers leave jobs of a newer version than
   * their own to those who know it. Default 1.
   */
  readonly version?: V;
  /**
   * For each earlier version the step to the next one: it takes the stored JSON, or what the step before returned. The last
   * returns what is enqueued today. A job without its step, or whose step throws, fails alone.
   */
  readonly upgrade?: Upgrades<V, PayloadInput<S>>;
  /** Default `default`. */
  readonly queue?: string;
  /** −32 to 32, higher first. Default 0. */
  readonly priority?: number;
  /** Default 20. */
  readonly maxAttempts?: number;
  /** Default `exponential()`: 15 s, 30 s, 1 min, … up to 6 h, ±10 %. */
  readonly retry?: RetryPolicy;
  /**
   * Aborts the attempt's signal and fails the attempt after this long. A handler that ignores the signal keeps its slot
   * until it ends, and the job waits with it: it never runs again beside itself. Default: no limit.
   */
  readonly timeout?: Duration;
  /** Which finished jobs are kept in the history. Default `all`. */
  readonly history?: HistoryPolicy;
  /**
   * `flag('name')`, or a function that says whether jobs of this kind may run at present. While it says no they wait and
   * are not lost; running ones go on. Asked by each worker once a second. Default: always.
   */
  readonly enabled?: Enabled;
  /** Gives the handler a transaction, `context.tx`, that commits together with the completion. */
  readonly transaction?: T & (TransactionOption | undefined);
  /** Enqueues this job at the times of `every(…)` or `cron(…)`. */
  readonly schedule?: ScheduleOf<PayloadInput<S>>;
  /**
   * Runs the handler in a `thread` or a `process` of its own, which imports the module of the definition: a lack of memory, a
   * blocked event loop and, in a process, a crash fail the attempt and touch nothing else, and `timeout` really ends it. Not
   * together with `transaction`.
   */
  readonly isolate?: I;
  /**
   * Stands around enqueueing and attempts of this definition, the first outermost, inside what `use` of createMillrace names.
   * Around isolated handlers it runs in the worker. Default: none.
   */
  readonly use?: readonly MiddlewareOf<PayloadInput<S>, PayloadOutput<S>, OwnContextOf<T>>[];
  readonly handler?: Handler<PayloadOutput<S>, ContextOf<T, I>>;
}

/** A job to be enqueued, as `definition.with(…)` makes it for `enqueueMany`. */
export interface JobRequest {
  readonly definition: AnyJobDefinition;
  readonly payload: unknown;
  readonly options: JobRequestOptions;
}

/** What may differ from job to job. */
export interface JobRequestOptions {
  /** How long from now, by the database's clock. */
  readonly delay?: Duration;
  /** When it becomes due; a time in the past means now. Not together with `delay`. */
  readonly scheduledAt?: Date | string;
  readonly priority?: number;
  readonly queue?: string;
  readonly maxAttempts?: number;
  /** A stored policy; a function cannot be stored with a job. */
  readonly retry?: Exclude<RetryPolicy, (...args: never[]) => unknown>;
  readonly timeout?: Duration;
  /** Free texts to find jobs by. */
  readonly tags?: readonly string[];
  /** While an unfinished job of the same queue has this key, no second one is made. */
  readonly uniqueKey?: string;
}

/** The payload may be left out where an empty object is one. */
export type PayloadArgs<Input, Options> = EmptyPayload extends Input
  ? [payload?: Input, options?: Options]
  : [payload: Input, options?: Options];

declare const inputType: unique symbol;

/** The one value that producers and workers share: the kind, the payload's type and the settings of a job. */
export interface JobDefinition<
  Kind extends string = string,
  Input = unknown,
  Payload = unknown,
  Context = unknown,
> {
  readonly kind: Kind;
  readonly settings: JobSettings;
  /** Only for the compiler. */
  readonly [inputType]?: Input;
  /** A job of this definition as a value, for `enqueueMany`. */
  with(...payloadAndOptions: PayloadArgs<Input, JobRequestOptions>): JobRequest;
  /** This definition together with a handler, so that producers need not import what the handler imports. */
  handle(handler: Handler<Payload, Context>): JobDefinition<Kind, Input, Payload, Context>;
}

/** Any definition, for lists. */
export type AnyJobDefinition = JobDefinition<string, unknown, never, never>;

/** The payload type that enqueueing a definition takes. */
export type InputOf<D> = D extends JobDefinition<string, infer Input, never, never> ? Input : never;

/** A definition's settings, completed and judged. */
export interface JobSettings extends Versioned {
  readonly queue: string;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number | undefined;
  readonly history: HistoryPolicy;
  readonly enabled: Enabled | undefined;
  readonly transaction: IsolationLevel | TransactionSource<unknown> | undefined;
  readonly isolate: IsolateSettings | undefined;
  readonly schedules: readonly Schedule[];
  readonly use: readonly Middleware[];
  readonly handler: ((payload: unknown, context: JobContext) => unknown) | undefined;
}

/**
 * Defines a type of job. The definition is a value to import wherever the job is enqueued or run.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID, MILLRACE_DURATION_INVALID
 */
export function defineJob<
  const Kind extends string,
  S = undefined,
  const T = undefined,
  const V extends number = 1,
  const I extends IsolateOption | undefined = undefined,
>(
  options: JobOptions<Kind, S, T, V, I>,
): JobDefinition<Kind, PayloadInput<S>, PayloadOutput<S>, ContextOf<T, I>> {
  const checked = checkOptions(definitionChecks, options, 'defineJob');
  const kind = checked.kind;
  if (kind === undefined)
    throw new MillraceError('MILLRACE_OPTION_INVALID', 'defineJob: kind is missing');
  const version = checked.version ?? 1;
  const settings: JobSettings = {
    codec: codecOf(options.payload, `${kind}.payload`),
    version,
    upgrade: upgradeSteps(checked.upgrade, version, kind),
    queue: checked.queue ?? defaults.queue,
    priority: checked.priority ?? defaults.priority,
    maxAttempts: checked.maxAttempts ?? defaults.maxAttempts,
    retry: checked.retry ?? defaults.retry,
    timeoutMs: checked.timeout,
    history: checked.history ?? defaults.history,
    enabled: enabledOf(checked.enabled, `${kind}.enabled`),
    transaction: transactionSettings(checked.transaction, kind),
    isolate: isolateSettings(checked.isolate, kind, checked.transaction !== undefined, defineJob),
    schedules: scheduleSettings(checked.schedule, kind),
    use: middlewareList(checked.use, `${kind}.use`),
    handler: checked.handler as JobSettings['handler'],
  };
  return definition(kind as Kind, settings);
}

function definition<Kind extends string, Input, Payload, Context>(
  kind: Kind,
  settings: JobSettings,
): JobDefinition<Kind, Input, Payload, Context> {
  type Self = JobDefinition<Kind, Input, Payload, Context>;
  const handle = (handler: Handler<Payload, Context>): Self => {
    if (typeof handler !== 'function') {
      throw new MillraceError(
        'MILLRACE_OPTION_INVALID',
        `${kind}.handle: the handler must be a function`,
      );
    }
    if (settings.handler !== undefined) {
      throw new MillraceError('MILLRACE_HANDLER_DUPLICATE', `'${kind}' has a handler already`);
    }
    return definition(kind, {
      ...settings,
      isolate: isolatedAt(settings.isolate, kind, handle),
      handler: handler as NonNullable<JobSettings['handler']>,
    });
  };
  const self: Self = {
    kind,
    settings,
    with: (payload?: unknown, options?: JobRequestOptions) => ({
      definition: self,
      payload,
      options: options ?? {},
    }),
    handle,
  };
  return Object.freeze(self);
}

function transactionSettings(value: unknown, kind: string): JobSettings['transaction'] {
  if (value === undefined || value === false) return undefined;
  if (isSource(value)) return value;
  const options =
    value === true ? {} : checkOptions(transactionChecks, value, `${kind}.transaction`);
  return options.isolation ?? 'read committed';
}

function isSource(value: unknown): value is TransactionSource<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'begin' in value &&
    typeof value.begin === 'function'
  );
}
