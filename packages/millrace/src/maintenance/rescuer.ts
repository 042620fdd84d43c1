import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { Look, WorkSession } from '../core/storage.ts';
import { Observer, type ObserverTimes } from './observer.ts';

/** A look at all running jobs costs up to a full read of the table, so it takes at most this share of the time. */
const sweepShare = 0.05;
const sweepAtLeastMs = 10_000;

/** So many processes look often: a leader, and a deputy who also sees the leader's end. */
const lookouts = 2;

/** The times of rescue; parameters so that tests can shrink them together. */
export interface RescueTimes extends ObserverTimes {
  /** Between two looks of the leader and the deputy. */
  readonly lookMs: number;
  /** Between two looks of everybody else. */
  readonly restMs: number;
}

/**
 * Finds dead workers and gives their jobs back. Every process does it; those that started first do it often, the others
 * only now and then, in case all of the first are gone.
 */
export class Rescuer {
  readonly #session: WorkSession;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #boot: string;
  readonly #times: RescueTimes;
  readonly #observer: Observer;
  #sweepDueMs = Number.NEGATIVE_INFINITY;
  #busy = false;
  #isNewUntilMs: number | undefined;

  constructor(parts: {
    session: WorkSession;
    clock: Clock;
    emit: Emit;
    /** The process that looks. */
    boot: string;
    times: RescueTimes;
  }) {
    this.#session = parts.session;
    this.#clock = parts.clock;
    this.#emit = parts.emit;
    this.#boot = parts.boot;
    this.#times = parts.times;
    this.#observer = new Observer(parts.times);
  }

  /** One look; answers with the milliseconds until the next one. */
  async pass(): Promise<number> {
    const look = await this.#session.look();
    const { sightings, session } = look;
    const verdicts = this.#observer.look(sightings, session, this.#clock.monotonicMs());
    const found = verdicts.map(({ sighting, crashed }) => ({
      no: sighting.no,
      beat: sighting.beat,
      crashed,
    }));
    const dead = found.length === 0 ? [] : await this.#session.declareDead(found);
    for (const { sighting, crashed } of verdicts) {
      const { no, host, pid } = sighting;
      if (dead.includes(no)) this.#emit('worker:died', { worker: no, host, pid, crashed });
    }
    // Also without a death: a claim of a dead worker may commit late, and rows may have been held the last time.
    if (dead.length > 0 || this.#busy || this.#clock.monotonicMs() >= this.#sweepDueMs)
      await this.#rescue();
    // A process that has just begun may yet find that it is among the first.
    this.#isNewUntilMs ??= this.#clock.monotonicMs() + this.#times.graceMs;
    const isNew = this.#clock.monotonicMs() < this.#isNewUntilMs;
    return isNew || this.#isLookout(look) ? this.#times.lookMs : this.#times.restMs;
  }

  /** Whether this process is among the first that live. */
  #isLookout({ sightings }: Look): boolean {
    const living = sightings.filter(({ mode, locked }) => mode === 'session' && locked);
    return [...new Set(living.map(({ boot }) => boot))].slice(0, lookouts).includes(this.#boot);
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
