import { pause, type Clock } from '../core/clock.ts';
import type {
  ActivityFilter,
  ActivityPlace,
  ActivityReader,
  EndedActivity,
  Horizon,
  JobActivity,
  TailOptions,
} from '../core/operator/activity.ts';
import { checkOptions, tailChecks } from '../core/options.ts';

const betweenLooksMs = 500;
const pageSize = 1_000;

/** Covers clocks that step, and sessions of other roles, which may not show when they began. */
const defaultOverlapMs = 5_000;

/**
 * Follows what happens. Each look reads again from the earliest time that anybody who had not committed at the look before
 * can have written, and passes over what it has told already: so what is committed late is told late, but told.
 */
export async function* tailJobs(
  reader: ActivityReader,
  clock: Clock,
  options: TailOptions = {},
  overlapMs = defaultOverlapMs,
): AsyncGenerator<JobActivity, void> {
  const { kind, queue } = checkOptions(tailChecks, options, 'tail');
  const { signal } = options;
  const tail = new Tail(reader, { kind, queue }, overlapMs);
  // What was there before is only remembered.
  await tail.look();
  for (;;) {
    await pause(clock, betweenLooksMs, signal);
    if (signal?.aborted === true) return;
    yield* await tail.look();
  }
}

const order: Readonly<Record<JobActivity['event'], number>> = {
  enqueued: 0,
  started: 1,
  failed: 2,
  crashed: 2,
  completed: 3,
  cancelled: 3,
  discarded: 3,
};

class Tail {
  readonly #reader: ActivityReader;
  readonly #filter: ActivityFilter;
  readonly #overlapMs: number;
  /** Horizons of earlier looks, oldest first, as far back as the ids of open transactions may reach. */
  #horizons: Horizon[] = [];
  /** The ids told of as enqueued above the oldest of these horizons. */
  readonly #enqueued = new Set<bigint>();
  /** What was told of, and its time in milliseconds: starts and ends that a look may meet again. */
  readonly #started = new Map<string, number>();
  readonly #ended = new Map<string, number>();

  constructor(reader: ActivityReader, filter: ActivityFilter, overlapMs: number) {
    this.#reader = reader;
    this.#filter = filter;
    this.#overlapMs = overlapMs;
  }

  /** What has come about since the last look, in the order of time. */
  async look(): Promise<JobActivity[]> {
    // Before anything is read: whoever commits meanwhile is seen now or counts as open at this moment.
    const horizon = await this.#reader.horizon(this.#overlapMs);
    const last = this.#horizons.at(-1) ?? horizon;
    const lowestId = (this.#horizons[0] ?? horizon).newestId;
    const from = last.safeUs;
    const ended = [
      ...(await this.#pages((after) => this.#reader.finished(after, this.#filter, pageSize), from)),
      ...(await this.#pages((after) => this.#reader.attempts(after, this.#filter, pageSize), from)),
    ];
    // Starts that are not found follow from the ends.
    const running = await this.#reader.running(this.#filter);
    const told: JobActivity[] = [];
    for await (const activity of this.#waiting(lowestId)) this.#tellEnqueued(activity, told);
    for (const { activity, claimedAt } of running ?? [])
      this.#tellStarted(activity, claimedAt, told);
    for (const each of ended)
      this.#tellEnded(each, { lowestId, fromMs: Number(from / 1_000n), told });
    this.#forget(horizon, running && new Set(running.map(startKey)));
    return told.toSorted(
      (a, b) => a.at.getTime() - b.at.getTime() || order[a.event] - order[b.event],
    );
  }

  async #pages(
    read: (after: ActivityPlace) => Promise<readonly EndedActivity[]>,
    fromUs: bigint,
  ): Promise<EndedActivity[]> {
    const all: EndedActivity[] = [];
    let after: ActivityPlace = { us: fromUs, id: 0n };
    for (;;) {
      const page = await read(after);
      all.push(...page);
      const end = page.at(-1);
      if (end === undefined || page.length < pageSize) return all;
      after = end.place;
    }
  }

  async *#waiting(afterId: bigint): AsyncGenerator<JobActivity, void> {
    let after = afterId;
    for (;;) {
      const page = await this.#reader.enqueued(after, this.#filter, pageSize);
      yield* page;
      const end = page.at(-1);
      if (end === undefined || page.length < pageSize) return;
      after = BigInt(end.id);
    }
  }

  #tellEnqueued(activity: JobActivity, told: JobActivity[]): void {
    const id = BigInt(activity.id);
    if (this.#enqueued.has(id)) return;
    this.#enqueued.add(id);
    told.push(activity);
  }

  #tellStarted(activity: JobActivity, claimedAt: Date, told: JobActivity[]): void {
    const key = startKey({ activity, claimedAt });
    if (this.#started.has(key)) return;
    this.#started.set(key, claimedAt.getTime());
    told.push(activity);
  }

  /** A job may begin and end between two looks; then its end tells of everything. */
  #tellEnded(
    { activity, place, createdAt, claimedAt }: EndedActivity,
    look: { readonly lowestId: bigint; readonly fromMs: number; readonly told: JobActivity[] },
  ): void {
    const { lowestId, fromMs, told } = look;
    const key = `${activity.event} ${place.id} ${place.us}`;
    if (this.#ended.has(key)) return;
    this.#ended.set(key, Number(place.us / 1_000n));
    const before = { ...activity, durationMs: null, reason: null, error: null };
    if (createdAt !== null && place.id > lowestId) {
      this.#tellEnqueued(
        { ...before, at: createdAt, event: 'enqueued', attempt: 0, worker: null },
        told,
      );
    }
    if (claimedAt !== null && claimedAt.getTime() >= fromMs) {
      this.#tellStarted({ ...before, at: claimedAt, event: 'started' }, claimedAt, told);
    }
    told.push(activity);
  }

  /** Drops what no later look can meet again. */
  #forget(horizon: Horizon, running: ReadonlySet<string> | null): void {
    this.#horizons.push(horizon);
    // The ids of what is open now were drawn after the last horizon that lies before all of it.
    const first = this.#horizons.findLastIndex(({ nowUs }) => nowUs <= horizon.safeUs);
    this.#horizons = this.#horizons.slice(Math.max(0, first));
    const lowestId = this.#horizons[0]?.newestId ?? 0n;
    for (const id of this.#enqueued) if (id <= lowestId) this.#enqueued.delete(id);
    const fromMs = Number(horizon.safeUs / 1_000n);
    for (const [key, ms] of this.#ended) if (ms < fromMs) this.#ended.delete(key);
    for (const [key, ms] of this.#started) {
      if (ms < fromMs && running?.has(key) === false) this.#started.delete(key);
    }
  }
}

/** An attempt by its job and the moment of its claim, which every row about it carries. */
function startKey({ activity, claimedAt }: { activity: JobActivity; claimedAt: Date }): string {
  return `${activity.id} ${claimedAt.getTime()}`;
}
