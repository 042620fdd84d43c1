import type { Beat } from '../core/storage.ts';

/**
 * Decides from what one observer saw which processes are dead: those whose beat has stood still for `deadAfterMs` of the
 * observer's own monotonic time. Clocks are never compared. If the observer itself has not looked for a while (it was
 * frozen, or the database was away), what it saw before proves nothing and the time starts anew.
 */
export class BeatObserver {
  readonly #deadAfterMs: number;
  readonly #longestGapMs: number;
  #seen = new Map<number, { beat: string; sinceMs: number }>();
  #lastLookMs: number | undefined;

  constructor(parts: { deadAfterMs: number; longestGapMs: number }) {
    this.#deadAfterMs = parts.deadAfterMs;
    this.#longestGapMs = parts.longestGapMs;
  }

  /** Takes in one look at all registered processes; answers with the dead ones. */
  look(beats: readonly Beat[], nowMs: number): readonly Beat[] {
    if (this.#lastLookMs !== undefined && nowMs - this.#lastLookMs > this.#longestGapMs)
      this.#seen.clear();
    this.#lastLookMs = nowMs;
    const seen = new Map<number, { beat: string; sinceMs: number }>();
    const dead: Beat[] = [];
    for (const beat of beats) {
      const before = this.#seen.get(beat.no);
      const sinceMs = before?.beat === beat.beat ? before.sinceMs : nowMs;
      seen.set(beat.no, { beat: beat.beat, sinceMs });
      if (nowMs - sinceMs >= this.#deadAfterMs) dead.push(beat);
    }
    this.#seen = seen;
    return dead;
  }
}
