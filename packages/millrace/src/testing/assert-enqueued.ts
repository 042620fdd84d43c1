import { AssertionError } from 'node:assert';
import { durationMs, formatDuration, type Duration } from '../core/duration.ts';
import { isFinished, type Job, type JobState } from '../core/job.ts';
import type { AnyJobDefinition, InputOf } from '../core/job-definition.ts';
import { toJson, type Json } from '../core/json.ts';
import { layersOf, transformed } from '../core/middleware.ts';
import type { Millrace } from '../core/millrace.ts';
import { checkOptions } from '../core/options.ts';
import { show } from '../core/text.ts';
import { compositionOf } from '../runtime.ts';
import { isPart } from './is-part.ts';
import { assertEnqueuedChecks } from './options.ts';

/** A part of a payload: what is left out may be anything. */
export type PartOf<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Key in keyof T]?: PartOf<T[Key]> }
    : T;

/** What a job must be like. What is left out may be anything. */
export interface EnqueuedLike<Input> {
  /** The payload or a part of it; or says whether a stored payload is the right one. */
  readonly payload?: PartOf<Input> | ((stored: never) => boolean);
  /** Exactly so many jobs must be like that; 0: none. Default: at least one. */
  readonly count?: number;
  /** Default: every state but `completed`, `cancelled` and `discarded`. */
  readonly state?: JobState | readonly JobState[];
  readonly queue?: string;
  readonly priority?: number;
  /** All of these; there may be more. */
  readonly tags?: readonly string[];
  readonly uniqueKey?: string;
  /** How long after it was enqueued it was to become due. */
  readonly delay?: Duration;
  /** When it becomes due. */
  readonly scheduledAt?: Date | string;
}

const pageSize = 1_000;
const jobsShown = 20;
const payloadShownBytes = 300;

/**
 * Asserts that jobs of a definition wait or run in the database; the failure shows what does.
 * @returns the jobs that are like that, the oldest first
 * @throws AssertionError of `node:assert`; MILLRACE_OPTION_…, MILLRACE_DB_…
 */
export async function assertEnqueued<D extends AnyJobDefinition>(
  millrace: Millrace,
  definition: D,
  like: EnqueuedLike<InputOf<D>> = {},
): Promise<readonly Job[]> {
  const checked = checkOptions(assertEnqueuedChecks, like, 'assertEnqueued');
  const all = await readOwn(millrace, definition);
  const isLike = await matcher(definition, like);
  const found = all.filter((job) => isLike(job));
  const isRight = checked.count === undefined ? found.length > 0 : found.length === checked.count;
  if (isRight) return found;
  const others = all.length > 0 ? all : await readJobs(millrace, () => true);
  throw new AssertionError({
    message: explain(definition, like, found, others),
    actual: others.map(outlineOf),
    expected: { kind: definition.kind, ...like },
    operator: 'assertEnqueued',
    stackStartFn: assertEnqueued,
  });
}

/** Those of a definition, with payloads as its codec has stored them, whatever stands around it. */
async function readOwn(millrace: Millrace, { kind, settings }: AnyJobDefinition): Promise<Job[]> {
  const jobs = await readJobs(millrace, (job) => job.kind === kind);
  const decode = layersOf(compositionOf(millrace)?.use ?? [], settings.use)?.decode ?? [];
  const about = { kind, version: settings.version };
  const decoded = async (job: Job): Promise<Job> => {
    try {
      return { ...job, payload: await transformed(job.payload, decode, about) };
    } catch {
      // It was stored by others, and is like nothing that is looked for.
      return job;
    }
  };
  return decode.length === 0 ? jobs : Promise.all(jobs.map(decoded));
}

/** The oldest first. */
async function readJobs(millrace: Millrace, isWanted: (job: Job) => boolean): Promise<Job[]> {
  const jobs: Job[] = [];
  let cursor: string | null = null;
  do {
    const page = await millrace.list({ limit: pageSize, ...(cursor !== null && { cursor }) });
    jobs.push(...page.jobs.filter((job) => isWanted(job)));
    ({ cursor } = page);
  } while (cursor !== null);
  return jobs.toReversed();
}

async function matcher(
  { settings }: AnyJobDefinition,
  like: EnqueuedLike<unknown>,
): Promise<(job: Job) => boolean> {
  const { state, queue, priority, tags = [], uniqueKey, delay, scheduledAt } = like;
  const states: readonly JobState[] | undefined = typeof state === 'string' ? [state] : state;
  const isRightPayload = await payloadMatcher(settings.codec, like.payload);
  const delayMs = delay === undefined ? undefined : durationMs(delay, 'assertEnqueued.delay');
  const dueMs = scheduledAt === undefined ? undefined : new Date(scheduledAt).getTime();
  return (job) =>
    (states === undefined ? !isFinished(job.state) : states.includes(job.state)) &&
    (queue === undefined || job.queue === queue) &&
    (priority === undefined || job.priority === priority) &&
    tags.every((tag) => job.tags.includes(tag)) &&
    (uniqueKey === undefined || job.uniqueKey === uniqueKey) &&
    (delayMs === undefined || delayOf(job) === delayMs) &&
    (dueMs === undefined || job.scheduledAt.getTime() === dueMs) &&
    isRightPayload(job.payload);
}

async function payloadMatcher(
  codec: AnyJobDefinition['settings']['codec'],
  expected: unknown,
): Promise<(stored: Json) => boolean> {
  if (expected === undefined) return () => true;
  if (typeof expected === 'function') return (stored) => (expected as (s: Json) => boolean)(stored);
  const stored = await asStored(codec, expected);
  return (payload) => isPart(stored, payload);
}

/** A whole payload is compared as its codec stores it; a part that the codec refuses, as plain JSON. */
async function asStored(
  codec: AnyJobDefinition['settings']['codec'],
  expected: unknown,
): Promise<Json> {
  try {
    return await codec.encode(expected);
  } catch {
    return toJson(expected, 'assertEnqueued.payload');
  }
}

function delayOf(job: Job): number {
  return job.scheduledAt.getTime() - job.createdAt.getTime();
}

function explain(
  { kind }: AnyJobDefinition,
  { count, ...like }: EnqueuedLike<unknown>,
  found: readonly Job[],
  others: readonly Job[],
): string {
  const wanted = Object.entries(like)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} ${show(value, payloadShownBytes)}`);
  const described = [`'${kind}'`, ...(wanted.length > 0 ? [`with ${wanted.join(', ')}`] : [])];
  const number = count === undefined ? 'a job' : `${count} ${count === 1 ? 'job' : 'jobs'}`;
  const head = `expected ${number} ${described.join(' ')} to be enqueued, but found ${found.length || 'none'}.`;
  if (others.length === 0) return `${head}\nNo job is in the database.`;
  const what = others.every((job) => job.kind === kind) ? `Jobs of '${kind}'` : 'Jobs';
  const more = others.length > jobsShown ? [`  … and ${others.length - jobsShown} more`] : [];
  return [
    head,
    `${what} in the database:`,
    ...others.slice(0, jobsShown).map(lineOf),
    ...more,
  ].join('\n');
}

function lineOf(job: Job): string {
  const { queue, priority, tags, uniqueKey } = job;
  const rest = [
    ...(queue === 'default' ? [] : [`queue ${queue}`]),
    ...(priority === 0 ? [] : [`priority ${priority}`]),
    ...(delayOf(job) <= 0 ? [] : [`delay ${formatDuration(delayOf(job))}`]),
    ...(tags.length === 0 ? [] : [`tags ${tags.join(', ')}`]),
    ...(uniqueKey === null ? [] : [`uniqueKey ${uniqueKey}`]),
  ];
  const payload = show(job.payload, payloadShownBytes);
  return [`  ${job.id} ${job.kind} ${job.state} ${payload}`, ...rest].join(' · ');
}

function outlineOf({ kind, state, queue, payload }: Job): object {
  return { kind, state, queue, payload };
}
