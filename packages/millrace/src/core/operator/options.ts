/** What operators' calls take, and the checks of it. */
import { durationMs, type Duration } from '../duration.ts';
import type { JobState } from '../job.ts';
import type { Json } from '../json.ts';
import { toJson } from '../json.ts';
import { check, joinChecks, priorities } from '../options.ts';
import type { TransactionHandle } from '../transaction-handles.ts';
import type { JobVerb, VerbAnswer, VerbStatus } from './job-verbs.ts';

/** What a filter of jobs may ask for; all of it must hold. */
export interface JobFilterOptions {
  readonly state?: JobState | readonly JobState[];
  readonly kind?: string;
  readonly queue?: string;
  /** One of the tags that the job was enqueued with. */
  readonly tag?: string;
  /** JSON that the payload contains, as the operator `@>` of PostgreSQL says. */
  readonly payload?: Json;
  /** Text that the error of the last attempt contains, in any case. */
  readonly error?: string;
  /** Enqueued at least so long ago. */
  readonly olderThan?: Duration;
  /** Enqueued less than so long ago. */
  readonly newerThan?: Duration;
  /** Finished at this time or later; a duration counts back from now. The page is then in the order of finishing. */
  readonly finishedSince?: Duration | Date;
  /** Finished before this time. */
  readonly finishedUntil?: Duration | Date;
}

/** What `list` takes. */
export interface ListOptions extends JobFilterOptions {
  /** 1 to 1000. Default 50. */
  readonly limit?: number;
  /** As the previous page answered. */
  readonly cursor?: string;
  /** The search stops after about so long and says how far it came. Default 300 ms. */
  readonly budget?: Duration;
}

/** What calls take that may join a transaction. */
export interface VerbOptions {
  /** Your own open transaction: it happens if, and only if, that commits. */
  readonly tx?: TransactionHandle;
}

/** What `discard` takes. */
export interface DiscardOptions extends VerbOptions {
  /** Why, for whoever looks at the job later. Default: `discarded on request`. */
  readonly reason?: string;
}

/** What `reschedule` takes: one of both. */
export interface RescheduleOptions extends VerbOptions {
  /** How long from now. */
  readonly delay?: Duration;
  /** When it becomes due. A time that is past makes it due now. */
  readonly scheduledAt?: Date | string;
}

/** What `edit` takes; what is left out stays as it is. */
export interface EditOptions extends VerbOptions {
  /** What `enqueue` would take. It is judged by the definition, if the application has one of this kind. */
  readonly payload?: unknown;
  /** −32 to 32, higher first. */
  readonly priority?: number;
  /** The queue to move it to. */
  readonly queue?: string;
}

/** Which jobs `bulk` acts on. */
export interface BulkFilter extends JobFilterOptions {
  /** These jobs; not together with anything else. */
  readonly ids?: readonly string[];
  /** Every job: an empty filter is refused without this. */
  readonly all?: true;
}

/** What `bulk` takes beside the filter. */
export interface BulkOptions {
  /** Of `cancel` and `discard`. */
  readonly reason?: string;
  /** Of `reschedule`: one of both. */
  readonly delay?: Duration;
  readonly scheduledAt?: Date | string;
  /** Of `edit`. A payload is for jobs of one kind. */
  readonly payload?: unknown;
  readonly priority?: number;
  readonly moveTo?: string;
  /** Only says what would become of the jobs that match. Default false. */
  readonly dryRun?: boolean;
  /** How many jobs in one transaction. 1 to 10,000, default 500. */
  readonly chunk?: number;
  /** Called after each chunk. */
  readonly onProgress?: (progress: BulkProgress) => void;
  /** Stops after the chunk that is under way. */
  readonly signal?: AbortSignal;
}

/** What a bulk came to. */
export interface BulkResult {
  readonly verb: JobVerb;
  readonly dryRun: boolean;
  /** How many jobs matched. */
  readonly matched: number;
  /** How many of them came to what; statuses that did not occur are left out. */
  readonly counts: Readonly<Partial<Record<VerbStatus, number>>>;
  /** False when the signal ended it before all had been looked at. */
  readonly complete: boolean;
}

/** How far a bulk has come. */
export interface BulkProgress extends Pick<BulkResult, 'matched' | 'counts'> {
  /** From 0 to 1: the share of the ids, or times, that have been looked at. */
  readonly share: number;
  /** What became of the jobs of this chunk. */
  readonly answers: readonly { readonly id: string; readonly answer: VerbAnswer }[];
}

const name = check.text(200);

/** Milliseconds before now, or a time. */
const moment = (value: unknown, what: string): Date | number =>
  typeof value === 'number' || (typeof value === 'string' && /^\d+(\.\d+)?[a-z]+$/.test(value))
    ? durationMs(value as Duration, what)
    : check.date(value, what);

const filterChecks = {
  state: check.states,
  kind: name,
  queue: name,
  tag: name,
  payload: (value: unknown, what: string) => toJson(value, what),
  error: check.text(1_000),
  olderThan: check.duration,
  newerThan: check.duration,
  finishedSince: moment,
  finishedUntil: moment,
} as const;

export const listChecks = {
  ...filterChecks,
  limit: check.whole(1, 1_000),
  cursor: check.text(40),
  budget: check.positiveDuration,
} as const;

const reason = check.text(1_000);
const rescheduleArguments = { delay: check.duration, scheduledAt: check.date } as const;
const editArguments = {
  payload: check.any,
  priority: check.whole(priorities.lowest, priorities.highest),
} as const;

export const discardChecks = { ...joinChecks, reason } as const;
export const rescheduleChecks = { ...joinChecks, ...rescheduleArguments } as const;
export const editChecks = { ...joinChecks, ...editArguments, queue: name } as const;

export const runJobChecks = { rollback: check.boolean, signal: check.any } as const;

export const bulkFilterChecks = {
  ...filterChecks,
  ids: check.list(check.text(200)),
  all: check.boolean,
} as const;

export const bulkChecks = {
  reason,
  ...rescheduleArguments,
  ...editArguments,
  moveTo: name,
  dryRun: check.boolean,
  chunk: check.whole(1, 10_000),
  onProgress: check.any,
  signal: check.any,
} as const;
