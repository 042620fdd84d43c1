/** What can be in a bag: it knows its place there. */
export interface Bagged {
  /** Where it lies in the bag; −1 while it is in none. Only the bag writes it. */
  place: number;
}

/**
 * A set without a hash table. What comes and goes by the hundred would make a table grow and shrink all the time, and
 * V8 keeps the outgrown ones, with all that was in them, until the next full collection.
 */
export class Bag<T extends Bagged> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    item.place = this.#items.length;
    this.#items.push(item);
  }

  has(item: T): boolean {
    return this.#items[item.place] === item;
  }

  /** False when it was not there. */
  delete(item: T): boolean {
    if (!this.has(item)) return false;
    const last = this.#items.pop();
    if (last !== undefined && last !== item) {
      this.#items[item.place] = last;
      last.place = item.place;
    }
    item.place = -1;
    return true;
  }

  /** What is in it now, in no order. */
  items(): T[] {
    return [...this.#items];
  }
}
