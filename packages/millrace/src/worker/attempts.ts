import type { Clock } from '../core/clock.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { Settlement } from '../core/lifecycle.ts';
import type { Hands } from './hands.ts';
import { HeldJob, type HandledJobSettings } from './held-job.ts';
import { givenBackAfterMs } from './prefetch.ts';
import { runAttempt, type Surroundings } from './run-attempt.ts';
import type { Settler } from './settler.ts';

interface AttemptsParts {
  readonly clock: Clock;
  readonly hands: Hands;
  readonly settler: Pick<Settler, 'settle'>;
  readonly surroundings: Surroundings;
  readonly handlers: ReadonlyMap<string, HandledJobSettings>;
  /** A job is out of hand; `givenBack`: because it was given back. */
  readonly onGone: (givenBack: boolean) => void;
}

/** Starts jobs in hand as slots become free, and brings each to its settlement. */
export class Attempts {
  readonly #parts: AttemptsParts;
  #stopWatching: (() => void) | undefined;

  constructor(parts: AttemptsParts) {
    this.#parts = parts;
  }

  /** Takes claimed jobs in hand; `start` does the rest. */
  take(jobs: readonly ClaimedJob[]): HeldJob[] {
    const { hands, handlers } = this.#parts;
    const taken = jobs.flatMap((job) => {
      const settings = handlers.get(job.kind);
      // A claim asks for nothing else.
      return settings === undefined ? [] : [new HeldJob(job, settings)];
    });
    for (const held of taken) hands.add(held);
    return taken;
  }

  /** Starts what waits for a slot, as far as there are any. */
  start(): void {
    const { hands } = this.#parts;
    for (let held = hands.next(); held !== undefined; held = hands.next()) {
      // Told to end before it began: there is nothing to run.
      if (held.interruption === undefined) void this.#run(held);
      else void this.giveBack(held);
    }
    if (hands.oldestWaiting !== undefined) this.#watch();
  }

  /** Gives back what waits for a slot. */
  giveBackWaiting(): void {
    for (const held of this.#parts.hands.takeWaiting()) void this.giveBack(held);
  }

  /** Gives a job back whose handler has not begun, or goes on although it was told to end. */
  giveBack(held: HeldJob): Promise<void> {
    held.abandoned = true;
    held.endHandler();
    return this.#settle(held, held.isLost ? null : { type: 'giveBack' });
  }

  /** Nothing starts any more. */
  stop(): void {
    this.#stopWatching?.();
    this.giveBackWaiting();
  }

  async #run(held: HeldJob): Promise<void> {
    const { clock, hands, surroundings } = this.#parts;
    const startedMs = clock.monotonicMs();
    const settlement = await runAttempt(held, surroundings);
    hands.ended(held, clock.monotonicMs() - startedMs);
    this.start();
    if (!held.abandoned) await this.#settle(held, settlement);
  }

  /** Lets go of a job when its settlement, if there is one, is written or known to be lost. */
  async #settle(held: HeldJob, settlement: Settlement | null): Promise<void> {
    const { hands, settler, onGone } = this.#parts;
    const settled = settlement === null ? 'lost' : await settler.settle(held, settlement);
    hands.delete(held);
    held.finish();
    onGone(settlement?.type === 'giveBack' && settled === 'written');
    this.start();
  }

  /** Jobs that wait for a slot longer than was expected go back, for whoever is idle. */
  #watch(): void {
    const { clock, hands } = this.#parts;
    const oldest = hands.oldestWaiting;
    this.#stopWatching ??= clock.after(givenBackAfterMs, () => {
      this.#stopWatching = undefined;
      if (hands.oldestWaiting === undefined) return;
      if (hands.oldestWaiting !== oldest) return this.#watch();
      hands.forgetRunTimes();
      this.giveBackWaiting();
    });
  }
}
