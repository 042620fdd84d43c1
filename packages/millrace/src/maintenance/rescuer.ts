import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { WorkSession } from '../core/storage.ts';
import { BeatObserver } from './beat-observer.ts';

/** A look at all running jobs costs up to a full read of the table, so it takes at most this share of the time. */
const sweepShare = 0.05;
const sweepAtLeastMs = 10_000;

/** The times of rescue; parameters so that tests can shrink them together. */
export interface RescueTimes {
  /** Between two looks at the others' heartbeats. */
  readonly lookMs: number;
  /** A process whose heartbeat stands still for so long is dead. */
  readonly deadAfterMs: number;
}

/** Finds dead workers and gives their jobs back. Any number of processes may do it. */
export class Rescuer {
  readonly #session: WorkSession;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #times: RescueTimes;
  readonly #observer: BeatObserver;
  #sweepDueMs = Number.NEGATIVE_INFINITY;
  #busy = false;

  constructor(parts: { session: WorkSession; clock: Clock; emit: Emit; times: RescueTimes }) {
    this.#session = parts.session;
    this.#clock = parts.clock;
    this.#emit = parts.emit;
    this.#times = parts.times;
    this.#observer = new BeatObserver({
      deadAfterMs: parts.times.deadAfterMs,
      longestGapMs: Math.max(2_000, parts.times.lookMs * 3),
    });
  }

  /** One look; answers with the milliseconds until the next one. */
  async pass(): Promise<number> {
    const stale = this.#observer.look(await this.#session.beats(), this.#clock.monotonicMs());
    const dead = stale.length === 0 ? [] : await this.#session.declareDead(stale);
    for (const { no, host, pid } of stale) {
      if (dead.includes(no)) this.#emit('worker:died', { worker: no, host, pid });
    }
    // Also without a death: a claim of a dead worker may commit late, and rows may have been held the last time.
    if (dead.length > 0 || this.#busy || this.#clock.monotonicMs() >= this.#sweepDueMs)
      await this.#rescue();
    return this.#times.lookMs;
  }

  async #rescue(): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    const { rescued, busy } = await this.#session.rescue();
    const tookMs = this.#clock.monotonicMs() - startedMs;
    this.#sweepDueMs = startedMs + Math.max(sweepAtLeastMs, tookMs / sweepShare);
    this.#busy = busy > 0;
    for (const job of rescued) this.#emit('job:rescued', job);
  }
}
