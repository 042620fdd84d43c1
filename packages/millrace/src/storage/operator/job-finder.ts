import type { Clock } from '../../core/clock.ts';
import type { Job, JobState } from '../../core/job.ts';
import {
  finishedCursor,
  type JobFilter,
  type JobFinder,
  type JobName,
  type JobPage,
  type PageRequest,
} from '../../core/operator/job-search.ts';
import type { Executor } from '../../core/transaction.ts';
import type { Row } from '../connection.ts';
import { causeCode, rethrow } from '../errors.ts';
import type { Names } from '../names.ts';
import type { Pool } from '../pool.ts';
import { toJob } from '../rows.ts';
import * as search from '../sql/search.ts';
import type { StatementOf } from '../sql/statement.ts';
import { beginsAt, Window, type Axis } from './search-window.ts';

const finishedNumbers = { completed: 2, cancelled: 3, discarded: 4 } as const;
const unfinishedStates: readonly JobState[] = ['scheduled', 'available', 'running', 'retryable'];

/** The SQLSTATE of a statement that took too long. */
const timedOut = '57014';

/** A statement never gets less, however little of the time is left. */
const leastTimeoutMs = 20;

/** Ids are given in the order of time, but for clocks that step a little and transactions that take so long. */
const unevenUs = 60_000_000n;

/** A search for an age begins within so many ids of the place. */
const nearIds = 2_000n;

/**
 * Looks for jobs in one direction, window by window: what the filter asks for need not have an index, and still the
 * search ends in time. All of it only reads, each window under a snapshot of its own.
 */
export class PgJobFinder implements JobFinder {
  readonly #names: Names;
  readonly #pool: Pool;
  readonly #clock: Clock;

  constructor(parts: { names: Names; pool: Pool; clock: Clock }) {
    this.#names = parts.names;
    this.#pool = parts.pool;
    this.#clock = parts.clock;
  }

  async find(filter: JobFilter, page: PageRequest): Promise<JobPage> {
    const statements = { id: search.findById, finish: search.findByFinish };
    const { rows, ...rest } = await this.#search(filter, page, statements, 'near its age');
    return { jobs: rows.map((row): Job => ({ ...toJob(row), attempts: [] })), ...rest };
  }

  async findNames(filter: JobFilter, page: PageRequest) {
    const statements = { id: search.findNamesById, finish: search.findNamesByFinish };
    // What is acted on is looked for everywhere.
    const { rows, ...rest } = await this.#search(filter, page, statements, 'everywhere');
    return { jobs: rows.map(toName), ...rest };
  }

  async namesOf(ids: readonly string[]): Promise<readonly JobName[]> {
    const rows = await this.#pool
      .read((on) => this.#run(on, search.namesOf, [JSON.stringify(ids)]))
      .catch(rethrow);
    return rows.map(toName);
  }

  async newestId(): Promise<string> {
    const [row] = await this.#pool
      .read((on) => this.#run(on, search.searchBounds, []))
      .catch(rethrow);
    return row?.['newest'] as string;
  }

  async #search(
    filter: JobFilter,
    page: PageRequest,
    statements: Readonly<Record<Axis, StatementOf>>,
    where: 'everywhere' | 'near its age',
  ): Promise<{ rows: Row[] } & Pick<JobPage, 'cursor' | 'searchedTo'>> {
    const window = await this.#pool
      .read((on) => this.#open(filter, page, where, on))
      .catch(rethrow);
    // Waiting for a connection is no searching.
    const untilMs = this.#clock.monotonicMs() + page.budgetMs;
    const walk = {
      window,
      untilMs,
      limit: page.limit,
      of: statements[window.axis],
      rows: [] as Row[],
    };
    // A statement that takes too long ends its transaction.
    while (!(await this.#goOn(walk)));
    const { rows } = walk;
    if (rows.length >= page.limit) {
      return { rows, cursor: rows.at(-1)?.['place'] as string, searchedTo: null };
    }
    if (window.isThrough) return { rows, cursor: null, searchedTo: null };
    return { rows, cursor: window.cursor, searchedTo: window.searchedTo };
  }

  /** Reads windows until the page is full, the end is reached or the time is over; false when one of them took too long. */
  async #goOn(walk: Walk): Promise<boolean> {
    const { window, untilMs, limit, rows } = walk;
    const leftMs = () => untilMs - this.#clock.monotonicMs();
    const isOver = () => window.hasMoved && leftMs() <= 0;
    try {
      await this.#pool.read(async (on) => {
        while (rows.length < limit && !window.isThrough && !isOver()) {
          await this.#look(walk, leftMs(), on);
        }
      });
      return true;
    } catch (error) {
      if (causeCode(error) !== timedOut) rethrow(error);
      window.tookTooLong();
      return isOver();
    }
  }

  /** Reads one window and adds what it finds. */
  async #look({ window, limit, of, rows }: Walk, leftMs: number, on: Executor): Promise<void> {
    // The search must get on, however little time there is.
    const timeoutMs = window.isSmallest && !window.hasMoved ? 0 : Math.max(leftMs, leastTimeoutMs);
    await this.#run(on, search.searchSettings, [String(Math.ceil(timeoutMs))]);
    const startedMs = this.#clock.monotonicMs();
    rows.push(...(await this.#run(on, of, window.values(limit - rows.length))));
    window.move(this.#clock.monotonicMs() - startedMs, leftMs);
  }

  async #open(
    filter: JobFilter,
    { cursor }: PageRequest,
    where: 'everywhere' | 'near its age',
    on: Executor,
  ): Promise<Window> {
    const [bounds] = await this.#run(on, search.searchBounds, []);
    const nowUs = BigInt(bounds?.['now_us'] as string);
    const axis: Axis =
      filter.finishedSince === undefined && filter.finishedUntil === undefined ? 'id' : 'finish';
    const states = statesOf(filter, axis);
    const shared = columnsOf(filter, states, nowUs);
    if (axis === 'id') {
      const end = BigInt(bounds?.['newest'] as string) + 1n;
      const { from, below } =
        where === 'everywhere'
          ? { from: 0n, below: end }
          : await this.#between(filter, nowUs, end, on);
      const start = cursor === undefined || BigInt(cursor) > below ? below : BigInt(cursor);
      return new Window({ axis, shared, from, below: start, belowId: 0n });
    }
    const [ends] = await this.#run(on, search.finishBounds, []);
    const first = BigInt((ends?.['first'] as string | null) ?? 1);
    const last = BigInt((ends?.['last'] as string | null) ?? 0);
    const since = toUs(filter.finishedSince, nowUs) ?? first;
    const until = toUs(filter.finishedUntil, nowUs) ?? last + 1n;
    const [, us, id] = finishedCursor.exec(cursor ?? '') ?? [];
    return new Window({
      axis,
      shared,
      from: since > first ? since : first,
      below: us === undefined ? (until > last ? last + 1n : until) : BigInt(us),
      belowId: BigInt(id ?? 0),
    });
  }

  /** The ids between which jobs of the wanted age can be. */
  async #between(
    { olderThan, newerThan }: JobFilter,
    nowUs: bigint,
    end: bigint,
    on: Executor,
  ): Promise<{ readonly from: bigint; readonly below: bigint }> {
    const around = async (us: bigint) => {
      const values = [String(end), String(us), String(nearIds)];
      const [row] = await this.#run(on, search.idsAround, values);
      return { low: BigInt(row?.['low'] as string), high: BigInt(row?.['high'] as string) };
    };
    const before = toUs(olderThan, nowUs);
    const since = toUs(newerThan, nowUs);
    return {
      below: before === undefined ? end : (await around(before + unevenUs)).high,
      from: since === undefined ? 0n : (await around(beginsAt(since - unevenUs))).low,
    };
  }

  async #run(on: Executor, of: StatementOf, values: readonly (string | null)[]): Promise<Row[]> {
    return (await on.query(of(this.#names).text, values)).rows;
  }
}

function toName(row: Row): JobName {
  return {
    id: row['id'] as string,
    kind: row['kind'] as string,
    state: row['state'] as JobState,
  };
}

/** A search under way. */
interface Walk {
  readonly window: Window;
  /** By the clock of this process. */
  readonly untilMs: number;
  readonly limit: number;
  readonly of: StatementOf;
  readonly rows: Row[];
}

interface States {
  readonly unfinished: string | null;
  readonly finished: string | null;
}

/** As arrays of PostgreSQL; null where none is asked for. */
function statesOf({ states }: JobFilter, axis: Axis): States {
  const unfinished = unfinishedStates.filter((state) => states?.includes(state) ?? true);
  const finished = Object.entries(finishedNumbers)
    .filter(([state]) => states?.includes(state as JobState) ?? true)
    .map(([, no]) => no);
  return {
    unfinished: axis === 'finish' || unfinished.length === 0 ? null : `{${unfinished.join(',')}}`,
    finished: finished.length === 0 ? null : `{${finished.join(',')}}`,
  };
}

function columnsOf(filter: JobFilter, states: States, nowUs: bigint): (string | null)[] {
  const { kind, queue, tag, payload, error, olderThan, newerThan } = filter;
  return [
    String(nowUs),
    states.unfinished,
    states.finished,
    kind ?? null,
    queue ?? null,
    tag ?? null,
    payload === undefined ? null : JSON.stringify(payload),
    error ?? null,
    toUs(olderThan, nowUs)?.toString() ?? null,
    toUs(newerThan, nowUs)?.toString() ?? null,
  ];
}

function toUs(at: Date | number | undefined, nowUs: bigint): bigint | undefined {
  if (at === undefined) return undefined;
  if (typeof at === 'number') return beginsAt(nowUs - BigInt(Math.round(at)) * 1_000n);
  return beginsAt(BigInt(at.getTime()) * 1_000n);
}
