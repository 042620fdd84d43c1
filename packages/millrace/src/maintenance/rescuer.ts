import { pause, type Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { Look, WorkSession } from '../core/storage.ts';
import type { RescueTimes } from '../core/tuning.ts';
import { Doubts } from './doubts.ts';
import { Observer } from './observer.ts';

/** A look at all running jobs costs up to a full read of the table, so it takes at most this share of the time. */
const sweepShare = 0.05;
const sweepEachMs = 60_000;

/** The server frees the lock of a dead process when it has noticed; so often, and with this pause, it is looked for. */
const endedTries = 20;
const endedPauseMs = 25;

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
  readonly #doubts: Doubts;
  #sweepDueMs = Number.NEGATIVE_INFINITY;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #isWanted = false;
  #lookouts: readonly string[] = [];
  #registered: ReadonlySet<number> = new Set();
  #isNewUntilMs: number | undefined;
  /** The blocks that are known, by process. */
  #blocks: ReadonlyMap<string, string> = new Map();

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
    this.#doubts = new Doubts(parts.times.doubtMs);
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
    this.#lookouts = lookoutsOf(look);
    const isLookout = this.#lookouts.includes(this.#boot);
    if (isLookout) this.#reportBlocks(look);
    const nowMs = this.#clock.monotonicMs();
    // A process that has just begun may yet find that it is a lookout.
    this.#isNewUntilMs ??= nowMs + this.#times.graceMs;
    const looksOften = nowMs < this.#isNewUntilMs || isLookout;
    // Also without any sign: a claim of a dead worker may commit late.
    const isSweep = isLookout && nowMs >= this.#sweepDueMs;
    this.#isWanted ||= this.#doubts.look(sightings, this.#observer.watchedMs(nowMs), nowMs);
    const isWanted = this.#isWanted && looksOften && nowMs >= this.#restUntilMs;
    if (dead.length > 0 || isSweep || isWanted) await this.#rescue();
    return looksOften ? this.#times.lookMs : this.#times.restMs;
  }

  /**
   * Its parent has seen this process end: certain death, which needs no second look. The fence stays: whoever holds the
   * lock, or has given a sign of life since it was read, is not declared dead. Where that does not come about soon, the
   * usual looks find it. The crash counts, as it does where an observer saw the session end. Answers with the number of
   * identities that this call declared dead.
   */
  async ended(boot: string): Promise<number> {
    let count = 0;
    for (let tries = 0; tries < endedTries; tries++) {
      const { sightings } = await this.#session.look();
      const left = sightings.filter((sighting) => sighting.boot === boot);
      if (left.length === 0) break;
      const found = left.map(({ no, beat }) => ({ no, beat, crashed: true }));
      const dead = await this.#session.declareDead(found);
      for (const { no, host, pid } of left)
        if (dead.includes(no)) this.#emit('worker:died', { worker: no, host, pid, crashed: true });
      count += dead.length;
      this.#doubts.believe(dead);
      if (dead.length > 0) await this.#rescue();
      if (dead.length === left.length) break;
      await pause(this.#clock, endedPauseMs);
    }
    return count;
  }

  /** Whether this process is the one that does what one is enough for. */
  get isLeader(): boolean {
    return this.#lookouts[0] === this.#boot;
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

  /** Only the lookouts do, so that not every process of a fleet says the same. */
  #reportBlocks({ sightings }: Look): void {
    const before = this.#blocks;
    const blocks = new Map<string, string>();
    for (const { boot, host, pid, blocked } of sightings) {
      if (blocked === null || boot === this.#boot || blocks.has(boot)) continue;
      const { since, jobs } = blocked;
      blocks.set(boot, since);
      if (before.get(boot) === since) continue;
      this.#emit('worker:blocked', { host, pid, since: new Date(since), jobs });
    }
    this.#blocks = blocks;
  }

  async #rescue(): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    const { rescued, busy, doubted } = await this.#session.rescue(this.#doubts.verdicts);
    const nowMs = this.#clock.monotonicMs();
    const tookMs = nowMs - startedMs;
    this.#doubts.hold(doubted, nowMs);
    this.#restUntilMs = startedMs + tookMs / sweepShare;
    this.#sweepDueMs = Math.max(this.#restUntilMs, startedMs + sweepEachMs);
    // Rows that somebody held are asked for again.
    this.#isWanted = busy > 0;
    for (const job of rescued) this.#emit('job:rescued', job);
  }
}

/**
 * The boots of the two processes that look often: the one that started first, and the first after it that does not share its
 * host's fate. One whose event loop stands still does not look, and who only has a heartbeat may be dead already, so it comes
 * last.
 */
function lookoutsOf({ sightings }: Look): readonly string[] {
  const moving = sightings.filter(({ blocked }) => blocked === null);
  const living = [
    ...moving.filter(({ locked }) => locked),
    ...moving.filter(({ mode, locked }) => mode === 'heartbeat' && !locked),
  ];
  const [leader] = living;
  const deputy =
    living.find(({ host }) => host !== leader?.host) ??
    living.find(({ boot }) => boot !== leader?.boot);
  return [leader, deputy].flatMap((lookout) => (lookout === undefined ? [] : [lookout.boot]));
}
