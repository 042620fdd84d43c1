import type { ClaimRequest } from '../core/storage.ts';
import type { InHand } from '../core/telemetry.ts';
import { Bag } from './bag.ts';
import type { HeldJob } from './held-job.ts';
import { mostPerClaim, Prefetch } from './prefetch.ts';
import type { WorkerSettings } from './settings.ts';

/**
 * The jobs in hand, and the room for more. A job is in hand until its outcome is written or its lease is lost. While its
 * handler runs it has a slot; those that were claimed ahead wait for one.
 */
export class Hands {
  readonly #settings: Pick<WorkerSettings, 'concurrency' | 'queues'>;
  readonly #held = new Bag<HeldJob>();
  #slotsTaken = 0;
  readonly #prefetch: Prefetch;
  #waiting: HeldJob[] = [];
  /** The first that waits. */
  #next = 0;
  #turn = 0;

  constructor(settings: Pick<WorkerSettings, 'concurrency' | 'queues'>) {
    this.#settings = settings;
    this.#prefetch = new Prefetch(settings.concurrency);
  }

  /**
   * How many jobs a claim may bring now.
   * @param ahead whether jobs may be taken that have to wait for a slot
   * @param leaving how many jobs in hand the same statement settles
   */
  space(ahead: boolean, leaving: number): number {
    const most = this.#settings.concurrency + (ahead ? this.#prefetch.depth : 0);
    return Math.min(
      Math.max(mostPerClaim, this.#settings.concurrency),
      most - (this.#held.size - leaving),
    );
  }

  /**
   * What a claim may bring now; undefined when there is no room.
   * @param ahead whether jobs may be taken that have to wait for a slot
   * @param leaving jobs in hand whose outcomes the same statement writes
   */
  room(
    ahead: boolean,
    leaving: readonly HeldJob[] = [],
  ): Pick<ClaimRequest, 'queues' | 'limit'> | undefined {
    const { concurrency, queues } = this.#settings;
    const limit = this.space(ahead, leaving.length);
    if (limit <= 0) return undefined;
    // A queue with a limit of its own gets no more than may run; all others share what there is.
    const isAnyOwn = [...queues.values()].some((ownMost) => ownMost < concurrency);
    const taken = isAnyOwn ? this.#countByQueue(leaving) : new Map<string, number>();
    const open = [...queues]
      .map(([queue, ownMost]) => ({
        queue,
        limit: ownMost < concurrency ? Math.min(limit, ownMost - (taken.get(queue) ?? 0)) : limit,
      }))
      .filter((queue) => queue.limit > 0);
    if (open.length === 0) return undefined;
    // A claim serves the queues in their order, so each is the first in turn; a full one would starve those behind it.
    const first = this.#turn++ % open.length;
    return { limit, queues: [...open.slice(first), ...open.slice(0, first)] };
  }

  #countByQueue(leaving: readonly HeldJob[]): Map<string, number> {
    const counts = new Map<string, number>();
    const add = (queue: string, count: number) =>
      counts.set(queue, (counts.get(queue) ?? 0) + count);
    for (const { job } of this.#held.items()) add(job.queue, 1);
    for (const { job } of leaving) add(job.queue, -1);
    return counts;
  }

  /** Takes a job in hand, to wait for a slot. */
  add(held: HeldJob): void {
    this.#held.add(held);
    this.#waiting.push(held);
  }

  /** Takes a job in hand that gets its chance otherwise. */
  addAside(held: HeldJob): void {
    this.#held.add(held);
  }

  /** Gives the next slot, if one is free, to the job that has waited longest. */
  next(): HeldJob | undefined {
    if (this.#slotsTaken >= this.#settings.concurrency) return undefined;
    const held = this.#waiting[this.#next];
    if (held === undefined) return undefined;
    this.#next += 1;
    if (this.#next === this.#waiting.length) this.takeWaiting();
    held.hasSlot = true;
    this.#slotsTaken += 1;
    return held;
  }

  /** A handler has ended, after so long. */
  ended(held: HeldJob, runMs: number): void {
    if (this.#freeSlot(held)) this.#prefetch.ran(runMs);
  }

  /** A claim brought so many jobs, which took so many bytes together. */
  brought(jobs: number, bytes: number): void {
    this.#prefetch.brought(jobs, bytes);
  }

  /** Takes out what waits for a slot: all, or those. */
  takeWaiting(those: (held: HeldJob) => boolean = () => true): readonly HeldJob[] {
    const waiting = this.#waiting.slice(this.#next);
    this.#waiting = waiting.filter((held) => !those(held));
    this.#next = 0;
    return waiting.filter(those);
  }

  /** Slots become free more slowly than they did. */
  forgetRunTimes(): void {
    this.#prefetch.forget();
  }

  /** The job that has waited longest. */
  get oldestWaiting(): HeldJob | undefined {
    return this.#waiting[this.#next];
  }

  delete(held: HeldJob): void {
    this.#held.delete(held);
    this.#freeSlot(held);
  }

  #freeSlot(held: HeldJob): boolean {
    if (!held.hasSlot) return false;
    held.hasSlot = false;
    this.#slotsTaken -= 1;
    return true;
  }

  /** How many handlers have a slot. */
  get running(): number {
    return this.#slotsTaken;
  }

  /** Everything in hand. */
  all(): HeldJob[] {
    return this.#held.items();
  }

  count(): InHand {
    const all = this.all();
    return {
      jobs: all.length,
      running: all.filter((held) => held.hasBegun && held.isRunning).map(({ job }) => job.kind),
      unwritten: all.filter((held) => held.settling && !held.isRunning).length,
    };
  }

  /** Those whose handler has not ended; it need not have begun. */
  unended(): HeldJob[] {
    return this.all().filter((held) => held.isRunning);
  }
}
