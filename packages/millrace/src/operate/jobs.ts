import { MillraceError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { isJobId } from '../core/job.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { Json } from '../core/json.ts';
import type { Millrace } from '../core/millrace.ts';
import { finishedCursor, type JobFilter, type JobPage } from '../core/operator/job-search.ts';
import type { JobCommand, JobVerb, VerbAnswer } from '../core/operator/job-verbs.ts';
import {
  bulkChecks,
  bulkFilterChecks,
  discardChecks,
  editChecks,
  listChecks,
  rescheduleChecks,
  type BulkFilter,
  type BulkOptions,
  type BulkResult,
  type DiscardOptions,
  type EditOptions,
  type ListOptions,
  type RescheduleOptions,
  type VerbOptions,
} from '../core/operator/options.ts';
import type { Middleware } from '../core/middleware.ts';
import { checkOptions, defaults, joinChecks } from '../core/options.ts';
import type { Storage } from '../core/storage.ts';
import { runBulk } from './bulk.ts';
import { editCommand, rescheduleCommand, type EditedJobs } from './commands.ts';

export interface JobsParts {
  readonly storage: Pick<Storage, 'finder' | 'operator' | 'executorOf'>;
  readonly client: Pick<Millrace, 'get'>;
  readonly emit: Emit;
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  readonly payloadMaxBytes: number;
  readonly use: readonly Middleware[];
}

/** Finds jobs, and changes those that wait or are finished. */
export class Jobs {
  readonly #parts: JobsParts;

  constructor(parts: JobsParts) {
    this.#parts = parts;
  }

  async list(options: ListOptions = {}): Promise<JobPage> {
    const { limit, cursor, budget, ...rest } = checkOptions(listChecks, options, 'list');
    const filter = toFilter(rest);
    if (cursor !== undefined && !isCursor(cursor, filter)) {
      throw new MillraceError(
        'MILLRACE_OPTION_INVALID',
        'list.cursor must be what an earlier page of the same filter answered',
      );
    }
    return this.#parts.storage.finder.find(filter, {
      limit: limit ?? defaults.listLimit,
      cursor,
      budgetMs: budget ?? defaults.searchMs,
    });
  }

  async discard(id: string, options: DiscardOptions = {}): Promise<VerbAnswer> {
    const { reason, tx } = checkOptions(discardChecks, options, 'discard');
    return this.#act({ verb: 'discard', reason: reason ?? discardReason }, id, tx);
  }

  async reschedule(id: string, options: RescheduleOptions): Promise<VerbAnswer> {
    const { tx, ...when } = checkOptions(rescheduleChecks, options, 'reschedule');
    return this.#act(rescheduleCommand(when, 'reschedule'), id, tx);
  }

  async edit(id: string, options: EditOptions): Promise<VerbAnswer> {
    const { tx, ...changes } = checkOptions(editChecks, options, 'edit');
    const job =
      changes.payload === undefined || !isJobId(id) ? null : await this.#parts.client.get(id);
    if (changes.payload !== undefined && job === null) return { status: 'missing' };
    const edited: EditedJobs = {
      kind: () => Promise.resolve(job?.kind ?? ''),
      payloads: () => Promise.resolve(job === null ? [] : [job.payload]),
    };
    return this.#act(await editCommand(changes, edited, this.#parts, 'edit'), id, tx);
  }

  async delete(id: string, options: VerbOptions = {}): Promise<VerbAnswer> {
    const { tx } = checkOptions(joinChecks, options, 'delete');
    return this.#act({ verb: 'delete' }, id, tx);
  }

  async bulk(verb: JobVerb, filter: BulkFilter, options: BulkOptions = {}): Promise<BulkResult> {
    const { ids, all, ...rest } = checkOptions(bulkFilterChecks, filter, 'bulk filter');
    const wanted = toFilter(rest);
    const isEmpty = Object.values(wanted).every((value) => value === undefined);
    if (ids !== undefined && (all === true || !isEmpty)) {
      throw new MillraceError('MILLRACE_OPTION_INVALID', 'bulk: give ids or a filter, not both');
    }
    if (ids === undefined && isEmpty && all !== true) {
      throw new MillraceError(
        'MILLRACE_OPTION_INVALID',
        'bulk: the filter is empty; name what to act on, or say all: true',
      );
    }
    const { storage, emit } = this.#parts;
    const checked = checkOptions(bulkChecks, options, `bulk ${verb}`);
    return runBulk(
      { finder: storage.finder, operator: storage.operator, emit },
      {
        command: await this.#bulkCommand(verb, checked, {
          kind: () => this.#kindOf(ids, wanted.kind),
          payloads: (kind) => this.#newestPayloads(kind),
        }),
        wanted: ids ?? wanted,
        dryRun: checked.dryRun ?? false,
        chunk: checked.chunk ?? defaults.bulkChunk,
        onProgress: options.onProgress ?? (() => {}),
        signal: options.signal,
      },
    );
  }

  async #bulkCommand(
    verb: JobVerb,
    options: Partial<{
      reason: string;
      delay: number;
      scheduledAt: Date;
      payload: unknown;
      priority: number;
      moveTo: string;
    }>,
    edited: EditedJobs,
  ): Promise<JobCommand> {
    const { reason, delay, scheduledAt, payload, priority, moveTo } = options;
    const what = `bulk ${verb}`;
    switch (verb) {
      case 'retry':
      case 'delete':
        return { verb };
      case 'cancel':
        return { verb, reason: reason ?? 'cancelled on request' };
      case 'discard':
        return { verb, reason: reason ?? discardReason };
      case 'reschedule':
        return rescheduleCommand(
          {
            ...(delay !== undefined && { delay }),
            ...(scheduledAt !== undefined && { scheduledAt }),
          },
          what,
        );
      case 'edit': {
        const changes = {
          payload,
          ...(priority !== undefined && { priority }),
          ...(moveTo !== undefined && { queue: moveTo }),
        };
        return editCommand(changes, edited, this.#parts, what);
      }
      default:
        throw new MillraceError(
          'MILLRACE_OPTION_INVALID',
          `bulk: there is no verb '${String(verb)}'`,
        );
    }
  }

  /** The one kind that a payload is for. */
  async #kindOf(ids: readonly string[] | undefined, kind: string | undefined): Promise<string> {
    const { finder } = this.#parts.storage;
    const names = ids === undefined ? [] : await finder.namesOf(ids.filter(isJobId));
    const kinds = [...new Set(names.map((name) => name.kind))];
    if (kinds.length > 1) {
      throw new MillraceError(
        'MILLRACE_OPTION_INVALID',
        `bulk edit: a payload is for jobs of one kind; these are of the kinds ${kinds.join(', ')}`,
      );
    }
    const [known = kind] = kinds;
    if (known !== undefined || ids !== undefined) return known ?? '';
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      'bulk edit: a payload is for jobs of one kind; name it in the filter',
    );
  }

  /** A kind is encrypted or it is not, so the newest tell. */
  async #newestPayloads(kind: string): Promise<readonly Json[]> {
    const page = await this.#parts.storage.finder.find(
      { kind },
      { limit: defaults.listLimit, cursor: undefined, budgetMs: defaults.searchMs },
    );
    return page.jobs.map(({ payload }) => payload);
  }

  async #act(command: JobCommand, id: string, tx: unknown): Promise<VerbAnswer> {
    const { storage } = this.#parts;
    const on = tx === undefined ? undefined : storage.executorOf(tx);
    if (!isJobId(id)) return { status: 'missing' };
    const [answer] = await storage.operator.act(command, [id], on);
    return answer ?? { status: 'missing' };
  }
}

const discardReason = 'discarded on request';

function toFilter({ state, ...rest }: JobFilter & { state?: JobFilter['states'] }): JobFilter {
  return { ...rest, ...(state !== undefined && { states: state }) };
}

function isCursor(cursor: string, { finishedSince, finishedUntil }: JobFilter): boolean {
  const byId = finishedSince === undefined && finishedUntil === undefined;
  return byId ? isJobId(cursor) : finishedCursor.test(cursor);
}
