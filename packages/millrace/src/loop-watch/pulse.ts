/** So many jobs can be named to the other thread. What runs beyond that is named when the loop moves again. */
const jobSlots = 1_024;

/** Two counters of 32 bits come first. */
const jobsAt = 8;

/** Counters are read this often within the time after which a loop that stands still is blocked. */
const looksPerBound = 4;

/** How often each thread shows that it goes on, and looks whether the other does. */
export function pulseMs(blockedForMs: number): number {
  return blockedForMs / looksPerBound;
}

/**
 * Memory that the event loop and the thread that watches it share: how often each of them had its turn, and the jobs whose
 * handlers run. It can be read while its writer stands still, which no message can.
 */
export class Pulse {
  readonly memory: SharedArrayBuffer;
  readonly #counters: Int32Array;
  readonly #jobs: BigInt64Array;

  constructor(memory = new SharedArrayBuffer(jobsAt + jobSlots * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#counters = new Int32Array(memory, 0, 2);
    this.#jobs = new BigInt64Array(memory, jobsAt);
  }

  /** The event loop had its turn. */
  tick(): void {
    Atomics.add(this.#counters, 0, 1);
  }

  get ticks(): number {
    return Atomics.load(this.#counters, 0);
  }

  /** The other thread had its turn. */
  look(): void {
    Atomics.add(this.#counters, 1, 1);
  }

  get looks(): number {
    return Atomics.load(this.#counters, 1);
  }

  /** Puts a job into a slot, or empties it. Without ceremony, for it happens with every job and is read a second later. */
  setJob(slot: number, id: string | null): void {
    if (slot < jobSlots) this.#jobs[slot] = id === null ? 0n : BigInt(id);
  }

  jobs(): string[] {
    return [...this.#jobs].filter((id) => id !== 0n).map(String);
  }
}
