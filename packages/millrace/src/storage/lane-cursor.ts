import { priorities } from '../core/options.ts';
import type { ClaimRequest } from '../core/storage.ts';

const everyPriority = Array.from(
  { length: priorities.highest - priorities.lowest + 1 },
  (_, index) => priorities.highest - index,
);

/** Every claim reads this much again, for jobs that were committed after others that are younger. */
const overlapUs = 100_000;

/** A sweep reads past everything that is finished and not yet vacuumed, so it takes at most this share of the time. */
const sweepShare = 0.05;

/** A worker that finds jobs all the time sweeps this often, if the share allows it. */
const sweepEachMs = 1_000;

/** A place in a lane: `run_at` in microseconds since 1970, and the id of a job. */
export interface Place {
  readonly us: number;
  readonly id: string;
}

const beginning: Place = { us: 0, id: '0' };

/** How far each lane of a queue has been read, by priority. */
type Places = Map<number, Place>;

type Everywhere = ClaimRequest['everywhere'];

/** What a claim is to take of a queue. */
interface Wanted {
  readonly queue: string;
  readonly limit: number;
}

/** Where one claim reads: the lanes of each queue, each from behind a place. */
export interface Route {
  readonly wanted: readonly Wanted[];
  readonly lanes: readonly (readonly { readonly priority: number; readonly behind: Place }[])[];
}

/** A job that a claim brought, and where it lay. */
export interface FoundJob {
  readonly queue: string;
  readonly priority: number;
  readonly place: Place;
}

/** The jobs that a claim brought from one lane: the last of them, and how many. */
export interface FoundLane extends FoundJob {
  readonly jobs: number;
}

/** What a claim came to. */
export interface Found {
  /** By priority, higher first. */
  readonly lanes: readonly FoundLane[];
  /** Whether there are as many jobs as it might bring in all. */
  readonly isFull: boolean;
  /** The queues of which it read nothing. */
  readonly paused: readonly string[];
  /** When it read, by the database's clock. */
  readonly atUs: number;
  readonly tookMs: number;
}

/**
 * Remembers how far one worker has read each lane, so that no claim begins with what was finished long ago: index entries
 * of finished jobs stay until they are vacuumed, which under an old snapshot is never. The cursors are a hint, not the
 * truth. What they pass by is found by a sweep, which reads every lane from its beginning: a job that was committed late
 * or put back at its old place while no notification told of it, and a lane that was not met before.
 */
export class LaneCursor {
  readonly #queues = new Map<string, QueueCursor>();
  #rewinds: FoundJob[] = [];
  #sweepTookMs = 0;
  #sweptMs = Number.NEGATIVE_INFINITY;

  /** There may be something from this place on. It counts for the next claim, not for one that is under way. */
  rewind(to: FoundJob): void {
    this.#rewinds.push(to);
  }

  /** Notifications may have been lost: the next claim sweeps. */
  reset(): void {
    this.#sweptMs = Number.NEGATIVE_INFINITY;
  }

  /** There may be something anywhere in the lanes that were met, and nobody will tell of it. */
  restart(): void {
    for (const cursor of this.#queues.values()) cursor.restart();
    this.reset();
  }

  /** Where the next claim is to read. */
  route(wanted: readonly Wanted[], everywhere: Everywhere, nowMs: number): Route {
    for (const { queue, priority, place } of this.#rewinds.splice(0))
      this.#of(queue).rewind(priority, place);
    const leastMs = everywhere === 'no' ? sweepEachMs : 0;
    const restMs = Math.max(leastMs, this.#sweepTookMs / sweepShare);
    if (everywhere === 'yes' || nowMs >= this.#sweptMs + restMs) {
      this.#sweptMs = nowMs;
      this.#sweepTookMs = 0;
      for (const { queue } of wanted) this.#of(queue).beginSweep();
    }
    return {
      wanted,
      lanes: wanted.map(({ queue }) => this.#of(queue).lanes(everywhere !== 'no')),
    };
  }

  /** Takes in what a claim found on its route. */
  found({ wanted, lanes }: Route, { lanes: found, isFull, paused, atUs, tookMs }: Found): void {
    let isSweep = false;
    for (const [index, { queue, limit }] of wanted.entries()) {
      const read = lanes[index] ?? [];
      const cursor = this.#of(queue);
      isSweep ||= cursor.isSweeping;
      // When it goes on, it is read from its beginning.
      if (paused.includes(queue)) {
        cursor.restart();
        continue;
      }
      const own = found.filter((lane) => lane.queue === queue);
      const jobs = own.reduce((sum, lane) => sum + lane.jobs, 0);
      const end = { us: atUs - overlapUs, id: '0' };
      if (!isFull && jobs < limit) cursor.readToEnd(read, end, own);
      else cursor.readTo(read, end, own);
    }
    if (isSweep) this.#sweepTookMs += tookMs;
  }

  /** A claim failed. If it was because it swept for too long, the next ones must do without. */
  failed(tookMs: number): void {
    for (const cursor of this.#queues.values()) {
      if (cursor.isSweeping) this.#sweepTookMs = Math.max(this.#sweepTookMs, tookMs);
      cursor.endSweep();
    }
  }

  #of(queue: string): QueueCursor {
    const known = this.#queues.get(queue);
    if (known !== undefined) return known;
    const cursor = new QueueCursor();
    this.#queues.set(queue, cursor);
    return cursor;
  }
}

/** The lanes of one queue. */
class QueueCursor {
  readonly #cursors: Places = new Map();
  /** The lanes in which there was ever something. */
  readonly #met = new Set<number>();
  /** How far the present sweep has read; a lane that is not in it from its beginning. */
  #sweep: Places | undefined;
  /** The cursors when the sweep began: behind them it finds nothing that they would not. */
  #goals: Places = new Map();

  get isSweeping(): boolean {
    return this.#sweep !== undefined;
  }

  rewind(priority: number, to: Place): void {
    this.#met.add(priority);
    const place = this.#cursors.get(priority);
    if (place !== undefined && isBefore(to, place)) this.#cursors.set(priority, to);
  }

  restart(): void {
    this.#cursors.clear();
    this.endSweep();
  }

  beginSweep(): void {
    this.#sweep = new Map();
    this.#goals = new Map(this.#cursors);
  }

  endSweep(): void {
    this.#sweep = undefined;
  }

  /** The lanes to read: in a hurry only those that were met. */
  lanes(all: boolean): Route['lanes'][number] {
    const places = this.#sweep ?? this.#cursors;
    const isAll = all || this.#sweep !== undefined;
    return everyPriority
      .filter((priority) => isAll || this.#met.has(priority))
      .map((priority) => ({ priority, behind: places.get(priority) ?? beginning }));
  }

  /** These lanes were read until `end`, all of them, and something was found in those. */
  readToEnd(lanes: Route['lanes'][number], end: Place, found: readonly FoundJob[]): void {
    for (const { priority } of found) this.#met.add(priority);
    for (const { priority } of lanes) this.#advance(priority, end);
    this.#sweep = undefined;
  }

  /**
   * These lanes were read as far as the last of what was found. A sweep is through when it has come as far as the cursors were:
   * lanes below would not have been read by any other claim either.
   */
  readTo(lanes: Route['lanes'][number], end: Place, found: readonly FoundJob[]): void {
    const last = found.at(-1);
    if (last === undefined) return;
    for (const { priority } of found) this.#met.add(priority);
    for (const { priority } of lanes) if (priority > last.priority) this.#advance(priority, end);
    this.#advance(last.priority, last.place);
    const goal = this.#goals.get(last.priority) ?? beginning;
    if (!isBefore(last.place, goal)) this.#sweep = undefined;
  }

  #advance(priority: number, to: Place): void {
    const place = this.#cursors.get(priority);
    if (place === undefined || isBefore(place, to)) this.#cursors.set(priority, to);
    this.#sweep?.set(priority, to);
  }
}

function isBefore(one: Place, other: Place): boolean {
  return one.us < other.us || (one.us === other.us && BigInt(one.id) < BigInt(other.id));
}
