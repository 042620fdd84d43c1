import type { SearchedTo } from '../../core/operator/job-search.ts';

/** What a search goes along: the ids of the jobs, or the times at which they finished. */
export type Axis = 'id' | 'finish';

/** The first window, and the smallest; ids, or microseconds. */
const sizes = {
  id: { first: 32_000n, least: 250n },
  finish: { first: 60_000_000n, least: 10_000n },
} as const;

/** A window that was read faster is followed by a much larger one. */
const shortMs = 15;

/** From one to the next the width changes no more than this. */
const mostTimes = 8;

/** Nothing lies before 1970. */
export function beginsAt(us: bigint): bigint {
  return us < 0n ? 0n : us;
}

/** The part of an axis that is looked at next. It moves down, and its width follows from how long the last one took. */
export class Window {
  readonly axis: Axis;
  readonly #shared: readonly (string | null)[];
  readonly #from: bigint;
  #below: bigint;
  #belowId: bigint;
  #width: bigint;
  hasMoved = false;

  constructor(parts: {
    readonly axis: Axis;
    /** The columns that do not change. */
    readonly shared: readonly (string | null)[];
    readonly from: bigint;
    readonly below: bigint;
    /** Among those that finished exactly then, those with lower ids are still to come. */
    readonly belowId: bigint;
  }) {
    this.axis = parts.axis;
    this.#shared = parts.shared;
    this.#from = parts.from;
    this.#below = parts.below;
    this.#belowId = parts.belowId;
    this.#width = sizes[parts.axis].first;
  }

  get isThrough(): boolean {
    return this.#below <= this.#from && this.#belowId === 0n;
  }

  get isSmallest(): boolean {
    return this.#width <= sizes[this.axis].least;
  }

  get cursor(): string {
    return this.axis === 'id' ? String(this.#below) : `${this.#below}-${this.#belowId}`;
  }

  get searchedTo(): SearchedTo {
    return this.axis === 'id'
      ? { id: String(this.#below) }
      : { finishedAt: new Date(Number(this.#below / 1_000n)) };
  }

  get #low(): bigint {
    const low = this.#below - this.#width;
    return low < this.#from ? this.#from : low;
  }

  values(limit: number): (string | null)[] {
    const window = [String(limit), String(this.#low), String(this.#below)];
    return [...this.#shared, ...window, ...(this.axis === 'id' ? [] : [String(this.#belowId)])];
  }

  /** It was read, and took so long of what time was left. */
  move(tookMs: number, leftMs: number): void {
    this.#below = this.#low;
    this.#belowId = 0n;
    this.hasMoved = true;
    const times = tookMs < shortMs ? mostTimes : (leftMs - tookMs) / 2 / tookMs;
    this.#resize(Math.min(mostTimes, Math.max(1 / mostTimes, times)));
  }

  tookTooLong(): void {
    this.#resize(0.125);
  }

  #resize(times: number): void {
    const width = (this.#width * BigInt(Math.round(times * 1_000))) / 1_000n;
    const { least } = sizes[this.axis];
    this.#width = width < least ? least : width;
  }
}
