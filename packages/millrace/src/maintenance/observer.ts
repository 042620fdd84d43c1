import type { Sighting } from '../core/storage.ts';
import type { ObserverTimes } from '../core/tuning.ts';

/** A process that is dead, as its judge saw it last. */
export interface Verdict {
  readonly sighting: Sighting;
  /** Its session ended before the observer's eyes: it crashed. Otherwise nobody knows what happened to it. */
  readonly crashed: boolean;
}

interface Memory {
  readonly heldBefore: boolean;
  readonly freeSinceMs: number | undefined;
  readonly beat: string;
  readonly beatSinceMs: number;
}

/**
 * Decides which processes are dead, from what one observer saw in one uninterrupted session of its own.
 *
 * Every live process holds a lock that its session's end frees at once. A lock that this observer saw held, and then free
 * at two looks with no sign of life between them, belongs to a dead process: nothing that hits the whole server can have
 * freed it, or the observer's session would not have lived through it. A lock that was free from the start proves less,
 * for after a restart of the server all locks are free until their owners are back; it takes the grace. A living process
 * that lost its session changes its beat by another way until it has a lock again.
 *
 * Clocks are never compared; beats are counted, and time is the observer's own.
 */
export class Observer {
  readonly #times: ObserverTimes;
  #memories = new Map<number, Memory>();
  #session: unknown;
  #sessionSinceMs = 0;
  #lastLookMs = 0;

  constructor(times: ObserverTimes) {
    this.#times = times;
  }

  /** Takes in one look. `session` is whatever identifies the observer's own session. */
  look(sightings: readonly Sighting[], session: unknown, nowMs: number): readonly Verdict[] {
    const away = nowMs - this.#lastLookMs > this.#times.longestGapMs;
    const first = session !== this.#session || away;
    if (first) {
      this.#memories.clear();
      this.#session = session;
      this.#sessionSinceMs = nowMs;
    }
    this.#lastLookMs = nowMs;
    const before = this.#memories;
    this.#memories = new Map(
      sightings.map((sighting) => [
        sighting.no,
        remember(sighting, before.get(sighting.no), !first, nowMs),
      ]),
    );
    return sightings.flatMap((sighting) => this.#judge(sighting, nowMs));
  }

  /** For how long its present session has watched, without having been away. */
  watchedMs(nowMs: number): number {
    return nowMs - this.#sessionSinceMs;
  }

  #judge(sighting: Sighting, nowMs: number): Verdict[] {
    const memory = this.#memories.get(sighting.no);
    if (memory === undefined) return [];
    const { freeForMs, graceMs, silentForMs } = this.#times;
    const silent = nowMs - memory.beatSinceMs >= silentForMs;
    if (sighting.mode === 'heartbeat' || sighting.locked)
      return silent ? [{ sighting, crashed: false }] : [];
    const freeSinceMs = memory.freeSinceMs ?? nowMs;
    if (memory.heldBefore)
      return nowMs - freeSinceMs >= freeForMs ? [{ sighting, crashed: true }] : [];
    const graceOver = nowMs - this.#sessionSinceMs >= graceMs && nowMs - freeSinceMs >= freeForMs;
    return graceOver ? [{ sighting, crashed: false }] : [];
  }
}

/** Who appears between two looks took its lock between them, and so held it before the observer's eyes. */
function remember(
  { locked, beat }: Sighting,
  before: Memory | undefined,
  appeared: boolean,
  nowMs: number,
): Memory {
  const moved = before?.beat !== beat;
  const beatSinceMs = moved || before === undefined ? nowMs : before.beatSinceMs;
  if (locked) return { heldBefore: true, freeSinceMs: undefined, beat, beatSinceMs };
  return {
    heldBefore: before?.heldBefore ?? appeared,
    freeSinceMs: moved ? nowMs : (before?.freeSinceMs ?? nowMs),
    beat,
    beatSinceMs,
  };
}
