import { toAttemptError } from '../core/attempt-error.ts';
import { pause, type Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { defaults } from '../core/options.ts';
import type { WorkSession } from '../core/storage.ts';

/** How far a pause is spread to both sides, so that workers started together do not ask together. */
const jitter = 0.25;

/**
 * The first pause of a worker that finds nothing; each further one is twice as long. A transaction that saw nobody wait
 * and commits a moment later, when somebody does, is so found after at most the time by which it was late.
 */
const firstPauseMs = 5;

/** Whoever is woken more often than this is better off without notifications, which cost their senders more than it a poll. */
const manyWakes = 10;
const manyWakesWithinMs = 100;

export interface WakeupParts {
  readonly port: Pick<WorkSession, 'listen' | 'wait' | 'endWait'>;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly random: () => number;
  readonly queues: ReadonlySet<string>;
  /** The present identity of the worker. */
  readonly worker: () => number;
  /** The longest sleep while notifications arrive, before jitter. */
  readonly backstopMs: number;
  /** The longest sleep while they do not. */
  readonly pollMs: number;
  readonly onCancel: (id: string) => void;
  /** One of the queues is paused. */
  readonly onPause: (queue: string) => void;
}

/**
 * Says when to claim again: on a notification for one of the queues, when notifications arrive again after they did not,
 * when the next job becomes due, and after pauses that grow while nothing is found.
 */
export class Wakeup {
  readonly #parts: WakeupParts;
  #listening: { stop(): Promise<void> } | undefined;
  #isHeard = false;
  #woken = false;
  #told = false;
  #sleeping: AbortController | undefined;
  #pauseMs = firstPauseMs;
  #wakesMs: number[] = [];
  #quietUntilMs = Number.NEGATIVE_INFINITY;

  constructor(parts: WakeupParts) {
    this.#parts = parts;
  }

  listen(): void {
    const { port, emit, queues, onCancel, onPause } = this.#parts;
    this.#listening ??= port.listen(
      (notice) => {
        if (notice.type === 'cancel') onCancel(notice.id);
        else if (notice.type === 'clock') this.#notified();
        else if (!queues.has(notice.queue)) return;
        else if (notice.type === 'pause') onPause(notice.queue);
        else {
          this.#told = true;
          this.#notified();
        }
      },
      (state) => {
        this.#isHeard = state === 'ready';
        if (state === 'ready') {
          emit('listener:ready', {});
          this.wake();
        } else {
          emit('listener:lost', { error: toAttemptError(state.lost, defaults.errorMaxBytes) });
        }
      },
    );
  }

  async stop(): Promise<void> {
    await this.#listening?.stop();
  }

  /**
   * Before the claim that a sleep may follow: from now on others tell of work, and that claim finds what came before. A
   * worker that is told of work all the time does without for a moment.
   */
  announce(): void {
    const { port, clock, worker, queues } = this.#parts;
    if (!this.#isHeard) return;
    if (clock.monotonicMs() < this.#quietUntilMs) this.withdraw();
    // What is not announced is found by the pauses.
    else port.wait(worker(), [...queues]).catch(() => {});
  }

  /** There is more to do than can be taken: nobody needs to tell of it. */
  withdraw(): void {
    const { port, worker } = this.#parts;
    port.endWait(worker()).catch(() => {});
  }

  /** A claim brought something. */
  worked(): void {
    this.#pauseMs = firstPauseMs;
  }

  /** Ends the present sleep, or the next one if none is under way. */
  wake(): void {
    // Each call of `abort` without a reason makes an error with its stack, also where nothing is left to abort.
    if (this.#woken) return;
    this.#woken = true;
    this.#sleeping?.abort();
  }

  /** What happens from now on ends the next sleep; call it before the claim that the sleep follows. */
  reset(): void {
    this.#woken = false;
    this.#told = false;
  }

  /**
   * Resolves when it is time to claim. `dueInMs`: until the next job becomes due, if that is known.
   * @returns whether somebody told of jobs, and so of where they lie
   */
  async sleep(dueInMs: number | null): Promise<boolean> {
    if (!this.#woken) await this.#sleep(dueInMs);
    return this.#told;
  }

  async #sleep(dueInMs: number | null): Promise<void> {
    const { clock, random, backstopMs, pollMs } = this.#parts;
    const isQuiet = clock.monotonicMs() < this.#quietUntilMs;
    const longestMs = isQuiet ? firstPauseMs : this.#isHeard ? backstopMs : pollMs;
    const pauseMs = Math.min(longestMs, this.#pauseMs) * (1 + jitter * (2 * random() - 1));
    // Rounded up: the database must agree that the job is due, or the claim comes just too early.
    const sleepMs = dueInMs === null ? pauseMs : Math.min(pauseMs, Math.ceil(dueInMs) + 1);
    const woken = new AbortController();
    this.#sleeping = woken;
    await pause(clock, sleepMs, woken.signal);
    if (!this.#woken) this.#pauseMs = Math.min(longestMs, this.#pauseMs * 2);
  }

  #notified(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#pauseMs = firstPauseMs;
    this.#wakesMs = [...this.#wakesMs.slice(1 - manyWakes), nowMs];
    const [first = nowMs] = this.#wakesMs;
    if (this.#wakesMs.length === manyWakes && nowMs - first < manyWakesWithinMs)
      this.#quietUntilMs = nowMs + manyWakesWithinMs;
    this.wake();
  }
}
