import type { Clock } from '../core/clock.ts';
import type { Progress } from '../core/progress.ts';
import type { WorkSession } from '../core/storage.ts';
import type { HeldJob } from './held-job.ts';

/** Between two writes of what the jobs of a worker say. */
const betweenMs = 1_000;

/**
 * Writes how far jobs have come: of each the last that it said, of all together once a second, and of one that ends at once,
 * before its outcome. Nobody waits for it, and what cannot be written while a job runs is not written at all.
 */
export class ProgressReports {
  readonly #port: Pick<WorkSession, 'reportProgress'>;
  readonly #clock: Clock;
  #said = new Map<HeldJob, Progress>();
  /** The last words of jobs that end in this moment. */
  readonly #last: (readonly [HeldJob, Progress])[] = [];
  #stopTimer: (() => void) | undefined;

  constructor(parts: { port: Pick<WorkSession, 'reportProgress'>; clock: Clock }) {
    this.#port = parts.port;
    this.#clock = parts.clock;
  }

  report(held: HeldJob, progress: Progress): void {
    if (!held.isRunning) return;
    this.#said.set(held, progress);
    this.#stopTimer ??= this.#clock.after(betweenMs, () => void this.#writeAll());
  }

  /** The handler has ended, or what it comes to no longer counts: it says nothing more. */
  ended(held: HeldJob): void {
    const progress = this.#said.get(held);
    if (progress === undefined) return;
    this.#said.delete(held);
    if (this.#said.size === 0) this.#rest();
    if (held.isLost) return;
    // Those that end together are written together. The settlement is some turns of the microtask queue away.
    if (this.#last.length === 0) queueMicrotask(() => void this.#write(this.#last.splice(0)));
    this.#last.push([held, progress]);
  }

  async #writeAll(): Promise<void> {
    const said = this.#said;
    this.#said = new Map();
    // The timer stands until the answer is there: a database that is slow gets no more of these.
    const isWritten = await this.#write([...said]);
    this.#rest();
    const open = isWritten ? this.#said : new Map([...said, ...this.#said]);
    for (const [held, progress] of open) this.report(held, progress);
  }

  async #write(said: readonly (readonly [HeldJob, Progress])[]): Promise<boolean> {
    const reports = said.map(([{ job, lease }, progress]) => ({ id: job.id, lease, ...progress }));
    return this.#port.reportProgress(reports).then(
      () => true,
      () => false,
    );
  }

  #rest(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}
