/**
 * The application's own code around enqueueing and around attempts, and between a payload and what is stored of it. Unlike
 * telemetry it may change what it stands around; where there is none, nothing is wrapped.
 */
import type { EnqueueResult } from './enqueue.ts';
import { MillraceError } from './errors.ts';
import type { AnyJobDefinition, JobContext, JobRequestOptions } from './job-definition.ts';
import { toJson, type Json } from './json.ts';
import { throughLayers, type Layer } from './layers.ts';
import { show } from './text.ts';
import type { TransactionHandle } from './transaction-handles.ts';

/** A job that somebody enqueues, before anything of it has been judged. */
export interface EnqueueContext<Input = unknown> {
  readonly kind: string;
  readonly definition: AnyJobDefinition;
  /** As it was given, not yet judged; an empty object where it was left out. */
  readonly payload: Input;
  readonly options: JobRequestOptions;
  /** The caller's open transaction, which cannot be changed. */
  readonly tx: TransactionHandle | undefined;
}

/**
 * What the layers further in, and the database, are to see instead. What is left out stays as it is. Middleware for any
 * definition cannot know of which type another payload would have to be, so it changes options alone, or what is stored by
 * `encode`.
 */
export interface EnqueueChanges<Input = never> {
  readonly payload?: Input;
  /** All of them: `{ ...job.options, priority: 5 }`. */
  readonly options?: JobRequestOptions;
}

/**
 * What enqueueing came to. `null`: the job was for the fire time of a schedule, and another process has made it, or the
 * schedule is paused.
 */
export type EnqueueAnswer = EnqueueResult | null;

/** What a handler is told, and its payload as the handler gets it. */
export type AttemptContext<Payload = unknown, Context = AnyContext> = Context & {
  readonly payload: Payload;
};

/** That of handlers with a transaction or without. */
type AnyContext = JobContext & { readonly tx?: unknown };

/** What a stored payload belongs to. */
export interface StoredPayload {
  readonly kind: string;
  /** Which version of the definition made it. */
  readonly version: number;
}

/**
 * Stands around jobs, with one or more of its hooks: in `use` of createMillrace around those of every definition, in `use`
 * of defineJob around those of one. The first of a list is the outermost, and createMillrace is outside of all
 * definitions.
 *
 * `next` goes on inwards. Call it once at most, and before the hook ends. What a hook answers is what the layer outside of
 * it sees; where it answers nothing, it is what `next` came to. What it throws is what went wrong.
 */
export interface Middleware {
  /**
   * Around the enqueueing of one job, by whomever: the application, a handler, a schedule, the command line. Not around SQL.
   * `next` judges the job and stores it; the jobs of one `enqueueMany` are stored together, so `next` of each resolves when
   * all have been. Without `next` nothing is stored, and what is returned is the caller's answer.
   */
  enqueue?(
    job: EnqueueContext,
    next: (changes?: EnqueueChanges) => Promise<EnqueueAnswer>,
  ): Promise<EnqueueAnswer | undefined | void>;
  /**
   * Around the handler, within the attempt's time limit and signal and, where the definition has one, its transaction: then
   * once for each time that the transaction is tried. `next` runs the handler and resolves to what it returned, or to what it
   * asked for by throwing `cancel()` and the like. Without `next` the handler does not run, and what is returned stands for
   * its result: `cancel()`, `snooze('1h')` or a value.
   */
  attempt?(job: AttemptContext, next: () => Promise<unknown>): Promise<unknown>;
  /** What is stored in place of this JSON, after the payload was judged. In the order of the lists. */
  encode?(payload: Json, about: StoredPayload): Json | Promise<Json>;
  /**
   * What `encode` was given. It also gets what was stored before it was in use, or by SQL. In the opposite order. What it
   * throws fails this attempt of this job alone.
   */
  decode?(stored: Json, about: StoredPayload): Json | Promise<Json>;
  /** Payloads are secret: what our errors say of one that does not fit leaves out what its validator says. Default false. */
  readonly confidential?: boolean;
}

/** The same for one definition, whose payloads it knows. */
export interface MiddlewareOf<Input, Payload, Context> extends Omit<
  Middleware,
  'enqueue' | 'attempt'
> {
  enqueue?(
    job: EnqueueContext<Input>,
    next: (changes?: EnqueueChanges<Input>) => Promise<EnqueueAnswer>,
  ): Promise<EnqueueAnswer | undefined | void>;
  attempt?(job: AttemptContext<Payload, Context>, next: () => Promise<unknown>): Promise<unknown>;
}

/** The hooks that stand around the jobs of one definition, from the outside in. */
export interface Layers {
  readonly enqueue: readonly Layer<EnqueueContext, EnqueueAnswer, EnqueueChanges>[];
  readonly attempt: readonly Layer<AttemptContext, unknown, void>[];
  readonly encode: readonly Transform[];
  readonly decode: readonly Transform[];
  readonly isConfidential: boolean;
}

type Transform = NonNullable<Middleware['encode']>;

const hookNames = ['enqueue', 'attempt', 'encode', 'decode'] as const;

/**
 * Judges a list of middleware.
 * @throws MILLRACE_OPTION_INVALID
 */
export function middlewareList(given: unknown, what: string): readonly Middleware[] {
  if (given === undefined) return [];
  const refuse = (form: string, value: unknown) =>
    new MillraceError('MILLRACE_OPTION_INVALID', `${what} must be ${form}, not ${show(value)}`);
  if (!Array.isArray(given)) throw refuse('a list of middleware', given);
  const list: readonly unknown[] = given;
  for (const each of list) {
    const hooks = (typeof each === 'object' && each !== null ? each : {}) as Partial<
      Record<(typeof hookNames)[number], unknown>
    >;
    const present = hookNames.filter((name) => hooks[name] !== undefined);
    if (present.length === 0 || present.some((name) => typeof hooks[name] !== 'function'))
      throw refuse('a list of objects with `enqueue`, `attempt`, `encode` or `decode`', each);
    if (present.includes('encode') && !present.includes('decode'))
      throw refuse('a list in which whoever has `encode` has `decode`, too', each);
  }
  return list as readonly Middleware[];
}

/** Undefined where there is no middleware at all. */
export function layersOf(
  outer: readonly Middleware[],
  own: readonly Middleware[],
): Layers | undefined {
  if (outer.length === 0 && own.length === 0) return undefined;
  const all = [...outer, ...own];
  const hooks = <Name extends (typeof hookNames)[number]>(name: Name) =>
    all.flatMap((each) => each[name]?.bind(each) ?? []) as NonNullable<Middleware[Name]>[];
  return {
    enqueue: hooks('enqueue'),
    attempt: hooks('attempt'),
    encode: hooks('encode'),
    decode: hooks('decode').toReversed(),
    isConfidential: all.some(({ confidential }) => confidential === true),
  };
}

/**
 * Enqueues a job through its layers.
 * @throws what a layer or `store` throws; MILLRACE_MIDDLEWARE_INVALID
 */
export async function enqueueThrough(
  layers: Layers['enqueue'],
  job: EnqueueContext,
  store: (job: EnqueueContext) => Promise<EnqueueAnswer>,
): Promise<EnqueueAnswer> {
  let mayBeNull = false;
  const answer: unknown = await throughLayers(layers, job, {
    change: (context, changes) => ({ ...context, ...changes }),
    innermost: async (context) => {
      const stored = await store(context);
      mayBeNull ||= stored === null;
      return stored;
    },
  });
  if (isResult(answer) || (answer === null && mayBeNull)) return answer;
  throw new MillraceError(
    'MILLRACE_MIDDLEWARE_INVALID',
    `the middleware around enqueueing '${job.kind}' answered with ${show(answer)} in place of a status and an id`,
  );
}

function isResult(answer: unknown): answer is EnqueueResult {
  if (typeof answer !== 'object' || answer === null) return false;
  const { status, id } = answer as Partial<EnqueueResult>;
  return (status === 'created' || status === 'deduplicated') && typeof id === 'string';
}

/** @throws what a hook throws; MILLRACE_PAYLOAD_NOT_JSON */
export async function transformed(
  payload: Json,
  hooks: readonly Transform[],
  about: StoredPayload,
): Promise<Json> {
  let json = payload;
  for (const hook of hooks) json = toJson(await hook(json, about), 'what middleware made of it');
  return json;
}

/** Of an error about a confidential payload, what may be told: its code. */
export async function confidentially<T>(
  layers: Layers | undefined,
  otherwise: 'MILLRACE_PAYLOAD_INVALID' | 'MILLRACE_PAYLOAD_UNREADABLE',
  run: () => T | Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (layers?.isConfidential !== true) throw error;
    const code = error instanceof MillraceError ? error.code : otherwise;
    throw new MillraceError(
      code,
      'the payload does not fit its definition; it is confidential, so this does not say why',
    );
  }
}
