/** Decisions that follow from a seed: one generator for each who decides, so that none depends on how fast the others are. */
export class Random {
  #state = 0x811c9dc5;

  constructor(seed: number, whose: string) {
    for (const byte of Buffer.from(`${seed} ${whose}`))
      this.#state = Math.imul(this.#state ^ byte, 0x01000193);
  }

  /** From 0 up to 1, without 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  chance(share: number): boolean {
    return this.fraction() < share;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[Math.floor(this.fraction() * list.length)] ?? list[0];
  }

  /** All of a list over and over, each time in another order. */
  *deals<T>(list: readonly T[]): Generator<T, never> {
    for (;;) {
      const left = [...list];
      while (left.length > 0) yield* left.splice(this.between(0, left.length - 1), 1);
    }
  }
}
