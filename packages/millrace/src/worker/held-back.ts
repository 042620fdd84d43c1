import type { ClaimedJob } from '../core/job.ts';
import { HeldKinds, type HeldKindsParts } from './held-kinds.ts';

interface HeldBackParts extends Omit<HeldKindsParts, 'onChange'> {
  /** What was claimed of these jobs and has not started is to go back. */
  readonly giveBack: (those: (job: ClaimedJob) => boolean) => void;
  /** There may be something to claim that there was not. */
  readonly wake: () => void;
}

/** What a worker serves and must not start at present: kinds by a flag, queues by a pause. */
export class HeldBack {
  readonly #parts: HeldBackParts;
  readonly #kinds: HeldKinds;
  #paused: ReadonlySet<string> = new Set();

  constructor(parts: HeldBackParts) {
    this.#parts = parts;
    this.#kinds = new HeldKinds({
      ...parts,
      onChange: () => {
        this.#giveBack();
        parts.wake();
      },
    });
  }

  /** The kinds to claim; the same array while nothing changes. */
  get kinds(): readonly string[] {
    return this.#kinds.claimed;
  }

  holds({ kind, queue }: Pick<ClaimedJob, 'kind' | 'queue'>): boolean {
    return this.#paused.has(queue) || this.#kinds.holds(kind);
  }

  /** A notification says that a queue is paused. */
  pause(queue: string): void {
    this.#set(new Set([...this.#paused, queue]));
  }

  /** A claim asked for these queues, and these of them are paused. */
  asked(queues: readonly { readonly queue: string }[], paused: readonly string[]): void {
    if (paused.length === 0 && this.#paused.size === 0) return;
    const others = new Set(this.#paused);
    for (const { queue } of queues) others.delete(queue);
    this.#set(new Set([...others, ...paused]));
  }

  start(): Promise<void> {
    return this.#kinds.start();
  }

  stop(): Promise<void> {
    return this.#kinds.stop();
  }

  #set(paused: ReadonlySet<string>): void {
    this.#paused = paused;
    this.#giveBack();
  }

  #giveBack(): void {
    this.#parts.giveBack((job) => this.holds(job));
  }
}
