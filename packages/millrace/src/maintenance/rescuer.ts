import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { Look, WorkSession } from '../core/storage.ts';
import { Observer, type ObserverTimes } from './observer.ts';

/** A look at all running jobs costs up to a full read of the table, so it takes at most this share of the time. */
const sweepShare = 0.05;
const sweepEachMs = 10_000;

/** The times of rescue; parameters so that tests can shrink them together. */
export interface RescueTimes extends ObserverTimes {
  /** Between two looks of the two lookouts. */
  readonly lookMs: number;
  /** Between two looks of everybody else. */
  readonly restMs: number;
}

/**
 * Finds dead workers and gives their jobs back. Every process looks; two of them often, and without a sign of somebody's
 * death only those also ask for jobs left behind. The others look now and then, in case both are gone.
 */
export class Rescuer {
  readonly #session: WorkSession;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #boot: string;
  readonly #times: RescueTimes;
  readonly #observer: Observer;
  #sweepDueMs = Number.NEGATIVE_INFINITY;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #isWanted = false;
  #registered: ReadonlySet<number> = new Set();
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
    this.#isWanted ||= this.#hasAnybodyChanged(look);
    const nowMs = this.#clock.monotonicMs();
    // A process that has just begun may yet find that it is a lookout.
    this.#isNewUntilMs ??= nowMs + this.#times.graceMs;
    const looksOften = nowMs < this.#isNewUntilMs || this.#isLookout(look);
    // Also without any sign: a claim of a dead worker may commit late.
    const isDue = nowMs >= this.#sweepDueMs || (this.#isWanted && nowMs >= this.#restUntilMs);
    if (dead.length > 0 || (looksOften && isDue)) await this.#rescue();
    return looksOften ? this.#times.lookMs : this.#times.restMs;
  }

  /**
   * Whoever left since the last look, for whatever reason, may have left jobs behind. Whoever came may have done so under a
   * new identity, and the old one may have come and gone between two looks.
   */
  #hasAnybodyChanged({ sightings }: Look): boolean {
    const before = this.#registered;
    this.#registered = new Set(sightings.map(({ no }) => no));
    return (
      before.size !== this.#registered.size || [...before].some((no) => !this.#registered.has(no))
    );
  }

  /**
   * Whether this process is the one that started first, or the first after it that does not share its host's fate. Who only
   * has a heartbeat may be dead already, so it comes last.
   */
  #isLookout({ sightings }: Look): boolean {
    const living = [
      ...sightings.filter(({ locked }) => locked),
      ...sightings.filter(({ mode, locked }) => mode === 'heartbeat' && !locked),
    ];
    const [leader] = living;
    const deputy =
      living.find(({ host }) => host !== leader?.host) ??
      living.find(({ boot }) => boot !== leader?.boot);
    return [leader, deputy].some((lookout) => lookout?.boot === this.#boot);
  }

  async #rescue(): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    const { rescued, busy } = await this.#session.rescue();
    const tookMs = this.#clock.monotonicMs() - startedMs;
    this.#restUntilMs = startedMs + tookMs / sweepShare;
    this.#sweepDueMs = Math.max(this.#restUntilMs, startedMs + sweepEachMs);
    // Rows that somebody held are asked for again.
    this.#isWanted = busy > 0;
    for (const job of rescued) this.#emit('job:rescued', job);
  }
}
