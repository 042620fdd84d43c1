import type { DoubtedDeath, Sighting } from '../core/storage.ts';

interface Doubt {
  readonly boot: string | null;
  readonly sinceMs: number;
  /** The beats of its process' other identities, as far as they have been seen. */
  beats: ReadonlyMap<number, string> | undefined;
}

/**
 * Deaths that would quarantine a job, which is final. That a session ended is enough to give a job to somebody else; but a
 * process whose connections were cut for a moment lives, and comes back. So such a death is believed when the process has
 * given no sign for a while, or its parent saw it end, and until then its job waits.
 *
 * A sign of life is any identity of the same process that is new, or whose beat has moved. Clocks are never compared.
 */
export class Doubts {
  readonly #doubtMs: number;
  #doubts = new Map<number, Doubt>();
  #ended = new Set<number>();
  #living = new Set<number>();

  /** @param doubtMs How long a process may keep silent, while the observer watches, before its death is believed. */
  constructor(doubtMs: number) {
    this.#doubtMs = doubtMs;
  }

  /** Somebody saw the process end. */
  believe(nos: readonly number[]): void {
    for (const no of nos) this.#ended.add(no);
  }

  /** Takes in what a rescue has left waiting; what is no longer among it is over. */
  hold(doubted: readonly DoubtedDeath[], nowMs: number): void {
    this.#doubts = new Map(
      doubted.map(({ no, boot }) => {
        const known = this.#doubts.get(no);
        return [no, known ?? { boot, sinceMs: nowMs, beats: undefined }];
      }),
    );
    this.#ended.clear();
    this.#living.clear();
  }

  /**
   * Takes in one look.
   * @param watchedMs For how long the observer has watched without a break: before, signs may have escaped it.
   * @returns whether a doubt is over
   */
  look(sightings: readonly Sighting[], watchedMs: number, nowMs: number): boolean {
    for (const [no, doubt] of this.#doubts) {
      const beats = new Map(
        sightings.filter(({ boot }) => boot === doubt.boot).map((one) => [one.no, one.beat]),
      );
      const { beats: before } = doubt;
      doubt.beats = beats;
      const silentForMs = Math.min(watchedMs, nowMs - doubt.sinceMs);
      if (before !== undefined && [...beats].some(([other, beat]) => before.get(other) !== beat))
        this.#living.add(no);
      else if (silentForMs >= this.#doubtMs) this.#ended.add(no);
    }
    return this.#ended.size + this.#living.size > 0;
  }

  /** What is known by now of those that were in doubt. */
  get verdicts(): { readonly ended: readonly number[]; readonly living: readonly number[] } {
    const living = [...this.#living];
    return { ended: [...this.#ended].filter((no) => !this.#living.has(no)), living };
  }
}
