import { toAttemptError } from '../core/attempt-error.ts';
import { backoffMs } from '../core/backoff.ts';
import { pause, type Clock } from '../core/clock.ts';
import { isRefusal, sqlState } from '../core/database-error.ts';
import type { Emit } from '../core/events.ts';
import { leavesTrace, type Settlement } from '../core/lifecycle.ts';
import { defaults } from '../core/options.ts';
import type { Completion, SettleAnswer, SettleRequest, WorkSession } from '../core/storage.ts';
import { Bag, type Bagged } from './bag.ts';
import type { HeldJob } from './held-job.ts';
import { within } from './within.ts';

/** Settlements per call: enough to make the commit cheap, few enough to stay a short statement. */
const maxBatch = 500;

/** For a call that failed. The outcomes are safe in memory, and the database may be away for long. */
const callBackoff = { firstMs: 50, longestMs: 2_000 };

/** For a row that somebody holds in an open transaction, which mostly lasts a moment. */
const busyBackoff = { firstMs: 20, longestMs: 1_000 };

/** What became of a settlement. `unwritten`: the worker stopped before the database could take it. */
export type Settled = 'written' | 'lost' | 'unwritten';

/** A settlement on its way. */
interface Entry extends Bagged {
  readonly held: HeldJob;
  settlement: Settlement;
  /** How often it was put off on its own account. */
  putOff: number;
  /** True once the server has refused the settlement itself: it goes in calls of its own from then on. */
  alone: boolean;
  /** The lease under which it may have been written without leaving a trace, for the answer was lost. */
  unheardLease: string | undefined;
  readonly resolve: (settled: Settled) => void;
}

/** Completions that a claim takes along. Exactly one of the two is to be called. */
export interface Passengers {
  readonly completed: readonly Completion[];
  readonly jobs: readonly HeldJob[];
  /** The statement was carried out, and all are written except these. */
  arrived(unwritten: readonly SettleAnswer[], durationMs: number): void;
  /** It was not, or nobody knows, as the error says: they are written without it. */
  leave(error?: unknown): void;
}

export interface SettlerParts {
  readonly port: Pick<WorkSession, 'settle'>;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly random: () => number;
  /** Resolves when the worker's identity, and with it every lease, is beyond doubt. */
  readonly certain: () => Promise<void>;
  /** What to write for a job whose settlement the server refuses. */
  readonly failure: (held: HeldJob, error: unknown) => Settlement;
}

/**
 * Writes outcomes. One call is under way at a time, and takes along all that gathered meanwhile; completions go along with
 * the claims of a worker that claims all the time. An outcome stays here
 * until the database has taken it or its lease is known to be lost. No job holds back another: a row that somebody holds
 * is tried again later, a settlement that the server refuses is found by halving the call and becomes a failure of its
 * job. The settlements here are never more than the jobs in hand, which keep their slots until then.
 */
export class Settler {
  readonly #parts: SettlerParts;
  readonly #closed = new AbortController();
  readonly #open = new Bag<Entry>();
  #ready: Entry[] = [];
  #writing = false;
  #failures = 0;
  #whenEmpty: (() => void)[] = [];
  /** Completions that wait for the next claim. */
  #boarding: Entry[] = [];
  #onBoarding: (() => void) | undefined;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** Resolves when it is known what became of the settlement; never rejects. */
  settle(held: HeldJob, settlement: Settlement): Promise<Settled> {
    held.settling = true;
    if (this.#closed.signal.aborted) return Promise.resolve('unwritten');
    return new Promise((resolve) => {
      const entry: Entry = {
        held,
        settlement,
        resolve,
        putOff: 0,
        alone: false,
        unheardLease: undefined,
        place: -1,
      };
      this.#open.add(entry);
      if (this.#onBoarding === undefined || !ridesAlong(entry)) return this.#offer([entry]);
      this.#boarding.push(entry);
      if (this.#boarding.length === 1) this.#onBoarding();
    });
  }

  /**
   * From now on completions wait for the next claim, which is to come soon after `onBoarding` was called. Without it they
   * are written at once again.
   */
  ride(onBoarding?: () => void): void {
    this.#onBoarding = onBoarding;
    if (onBoarding === undefined) this.#offer(this.#boarding.splice(0));
  }

  /**
   * The completions that wait for a claim. Unless there are enough of them, the handlers that end in this turn of the event
   * loop may end first.
   */
  async board(isEnough: (completions: number) => boolean): Promise<Passengers> {
    if (this.#boarding.length > 0 && !isEnough(this.#boarding.length))
      await new Promise<void>((resolve) => void setImmediate(resolve));
    const { batch, left } = take(this.#boarding);
    this.#boarding = left;
    const completed = batch.map(requestOf);
    return {
      completed: completed as Completion[],
      jobs: batch.map(({ held }) => held),
      arrived: (unwritten, durationMs) => this.#arrived(batch, unwritten, durationMs, completed),
      leave: (error) => {
        if (error !== undefined) noteUnheard(batch, completed, error);
        this.#offer(batch);
      },
    };
  }

  /** Resolves when everything is written or known to be lost, at the latest after `longestMs`, and takes nothing after. */
  async close(longestMs: number): Promise<void> {
    if (this.#open.size > 0) {
      const empty = new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
      await within(this.#parts.clock, longestMs, empty);
    }
    this.#closed.abort();
    for (const entry of this.#open.items()) this.#end(entry, 'unwritten');
  }

  #end(entry: Entry, settled: Settled): void {
    if (!this.#open.delete(entry)) return;
    entry.resolve(settled);
    if (this.#open.size > 0) return;
    for (const tell of this.#whenEmpty.splice(0)) tell();
  }

  #offer(entries: readonly Entry[]): void {
    this.#ready.push(...entries);
    if (this.#writing || this.#ready.length === 0) return;
    this.#writing = true;
    // After this turn of the event loop, so that handlers that end together are settled together.
    setImmediate(() => void this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    while (this.#ready.length > 0 && !this.#closed.signal.aborted)
      await this.#write(this.#nextBatch());
    this.#writing = false;
  }

  #nextBatch(): Entry[] {
    const { batch, left } = take(this.#ready);
    this.#ready = left;
    return batch;
  }

  /** Never rejects: whatever happens, each entry has ended, or waits to be tried again. */
  async #write(batch: readonly Entry[]): Promise<void> {
    const { port, clock } = this.#parts;
    const startedMs = clock.monotonicMs();
    const requests = batch.map(requestOf);
    let answers: readonly SettleAnswer[];
    try {
      answers = await port.settle(requests);
    } catch (error) {
      noteUnheard(batch, requests, error);
      return this.#refused(batch, error);
    }
    this.#failures = 0;
    this.#answeredAll(batch, answers, clock.monotonicMs() - startedMs, requests);
  }

  #arrived(
    batch: readonly Entry[],
    unwritten: readonly SettleAnswer[],
    durationMs: number,
    requests: readonly SettleRequest[],
  ): void {
    const left = new Map(unwritten.map(({ id, status }) => [id, status]));
    for (const [index, entry] of batch.entries()) {
      const status = left.size === 0 ? 'written' : (left.get(entry.held.job.id) ?? 'written');
      this.#answered(entry, status, requests[index]?.lease);
    }
    const jobs = batch.length - left.size;
    if (jobs > 0) this.#parts.emit('settle:written', { jobs, durationMs });
  }

  #answeredAll(
    batch: readonly Entry[],
    answers: readonly SettleAnswer[],
    durationMs: number,
    requests: readonly SettleRequest[],
  ): void {
    const statuses = new Map(answers.map(({ id, status }) => [id, status]));
    for (const [index, entry] of batch.entries()) {
      this.#answered(entry, statuses.get(entry.held.job.id), requests[index]?.lease);
    }
    const jobs = answers.filter(({ status }) => status === 'written').length;
    if (jobs > 0) this.#parts.emit('settle:written', { jobs, durationMs });
  }

  #answered(
    entry: Entry,
    status: SettleAnswer['status'] | undefined,
    lease: string | undefined,
  ): void {
    switch (status) {
      case 'written':
      case 'already':
        return this.#end(entry, 'written');
      case 'lost':
        return void this.#lost(entry, lease);
      // Without an answer nothing is known, as if the row were held.
      case 'busy':
      case undefined:
        return this.#putOff(entry);
    }
  }

  /** Lost under the lease that was named; the job may have moved to another lease of this worker's just now. */
  async #lost(entry: Entry, lease: string | undefined): Promise<void> {
    const { held, unheardLease } = entry;
    await this.#parts.certain();
    if (!this.#open.has(entry)) return;
    if (held.lease !== lease) return this.#offer([entry]);
    const event = unheardLease === lease ? 'settle:unknown' : 'settle:refused';
    this.#parts.emit(event, { id: held.job.id, kind: held.job.kind, lease: held.lease });
    this.#end(entry, 'lost');
  }

  /** Tries one entry again later, while the others go on. */
  #putOff(entry: Entry): void {
    entry.putOff += 1;
    const { clock, random } = this.#parts;
    clock.after(backoffMs(busyBackoff, entry.putOff, random()), () => {
      if (this.#open.has(entry)) this.#offer([entry]);
    });
  }

  async #refused(batch: readonly Entry[], error: unknown): Promise<void> {
    const { clock, random } = this.#parts;
    if (!isAboutOneJob(error)) {
      this.#ready = [...batch, ...this.#ready];
      this.#failures += 1;
      this.#reportRetry(batch, this.#failures, error);
      return pause(clock, backoffMs(callBackoff, this.#failures, random()), this.#closed.signal);
    }
    const [first] = batch;
    if (first === undefined) return;
    if (batch.length > 1) {
      const half = Math.ceil(batch.length / 2);
      await this.#write(batch.slice(0, half));
      await this.#write(batch.slice(half));
      return;
    }
    this.#reportRetry(batch, first.putOff + 1, error);
    // Nothing else can be written about a damaged row, nor when not even the failure can be: the job keeps its slot and
    // is tried until its lease is lost.
    if (first.alone || isDamage(error)) this.#putOff(first);
    else {
      first.settlement = this.#parts.failure(first.held, error);
      first.held.log = undefined;
      this.#ready.unshift(first);
    }
    first.alone = true;
  }

  #reportRetry(batch: readonly Entry[], tries: number, error: unknown): void {
    const { emit } = this.#parts;
    emit('settle:retried', {
      jobs: batch.length,
      tries,
      error: toAttemptError(error, defaults.errorMaxBytes),
    });
  }
}

/** The entries that go together, and those that stay for the next time. */
function take(entries: readonly Entry[]): { readonly batch: Entry[]; readonly left: Entry[] } {
  const batch: Entry[] = [];
  const left: Entry[] = [];
  const ids = new Set<string>();
  for (const entry of entries) {
    // The answers name ids. A job that was lost and claimed again may be here twice, under two leases.
    const fits = batch.length < maxBatch && !batch[0]?.alone && !ids.has(entry.held.job.id);
    if (fits && (!entry.alone || batch.length === 0)) {
      batch.push(entry);
      ids.add(entry.held.job.id);
    } else {
      left.push(entry);
    }
  }
  return { batch, left };
}

function requestOf({ held, settlement }: Entry): SettleRequest {
  return { id: held.job.id, lease: held.lease, settlement, ...logsOf(held) };
}

/** For most jobs nothing is kept. */
export function logsOf({ log }: HeldJob): Pick<SettleRequest, 'logs'> {
  const logs = log?.lines() ?? null;
  return logs === null ? {} : { logs };
}

/** After an error that is no refusal a call may have been carried out. What leaves a trace is found by it then. */
function noteUnheard(
  batch: readonly Entry[],
  requests: readonly SettleRequest[],
  error: unknown,
): void {
  if (isRefusal(error)) return;
  for (const [index, entry] of batch.entries())
    if (!leavesTrace(entry.settlement)) entry.unheardLease = requests[index]?.lease;
}

/** A completion of which there is nothing more to write than the job itself. */
function ridesAlong({ held, settlement }: Entry): boolean {
  const isCompletion = settlement.type === 'finish' && settlement.state === 'completed';
  return isCompletion && (held.log?.lines() ?? null) === null;
}

/**
 * Whether the server refused the values of some job, as opposed to the call as a whole: errors of data (22), of integrity
 * (23, except a missing partition, which is no job's fault), of limits (54), and damaged rows.
 */
function isAboutOneJob(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return (/^(?:22|23|54)/.test(state) && state !== '23514') || isDamage(error);
}

/** The row, or the index entry that leads to it, is corrupt. */
function isDamage(error: unknown): boolean {
  const state = sqlState(error);
  return state === 'XX001' || state === 'XX002';
}
