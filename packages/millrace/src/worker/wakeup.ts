import { toAttemptError } from '../core/attempt-error.ts';
import { pause, type Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import { defaults } from '../core/options.ts';
import type { WorkSession } from '../core/storage.ts';

/** How far the poll is spread to both sides, so that workers started together do not ask together. */
const pollJitter = 0.25;

export interface WakeupParts {
  readonly port: Pick<WorkSession, 'listen'>;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly random: () => number;
  readonly queues: ReadonlySet<string>;
  /** The longest sleep, before jitter: whatever became of notifications, a job is found after this long. */
  readonly pollMs: number;
  readonly onCancel: (id: string) => void;
}

/**
 * Says when to claim again: on a notification for one of the queues, when notifications arrive again after they did not,
 * when the next job becomes due, and at the latest when the poll is due.
 */
export class Wakeup {
  readonly #parts: WakeupParts;
  #listening: { stop(): Promise<void> } | undefined;
  #woken = false;
  #sleeping: AbortController | undefined;

  constructor(parts: WakeupParts) {
    this.#parts = parts;
  }

  listen(): void {
    const { port, emit, queues, onCancel } = this.#parts;
    this.#listening ??= port.listen(
      (notice) => {
        if (notice.type === 'cancel') onCancel(notice.id);
        else if (notice.type === 'clock' || queues.has(notice.queue)) this.wake();
      },
      (state) => {
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

  /** Ends the present sleep, or the next one if none is under way. */
  wake(): void {
    this.#woken = true;
    this.#sleeping?.abort();
  }

  /** What happens from now on ends the next sleep; call it before the claim that the sleep follows. */
  reset(): void {
    this.#woken = false;
  }

  /** Resolves when it is time to claim. `nextDueMs` is asked for the time until the next job becomes due. */
  async sleep(nextDueMs: () => Promise<number | null>): Promise<void> {
    const dueInMs = this.#woken ? null : await nextDueMs();
    if (this.#woken) return;
    const { clock, random, pollMs } = this.#parts;
    const longestMs = pollMs * (1 + pollJitter * (2 * random() - 1));
    // Rounded up: the database must agree that the job is due, or the claim comes just too early.
    const sleepMs = dueInMs === null ? longestMs : Math.min(longestMs, Math.ceil(dueInMs) + 1);
    const woken = new AbortController();
    this.#sleeping = woken;
    await pause(clock, sleepMs, woken.signal);
  }
}
