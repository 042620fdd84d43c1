import { toAttemptError } from '../core/attempt-error.ts';
import type { Clock } from '../core/clock.ts';
import type { Emit, JobRef } from '../core/events.ts';
import type { AttemptError } from '../core/job.ts';
import { defaults } from '../core/options.ts';
import type { Service } from '../core/service.ts';
import { Pulse, pulseMs } from './pulse.ts';

/** A thread of Node.js, as far as it is needed here. */
interface WatchThread {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'message', listener: (failed: AttemptError) => void): unknown;
  unref(): void;
  terminate(): Promise<unknown>;
}

export interface LoopWatchParts {
  readonly clock: Clock;
  readonly emit: Emit;
  /** An event loop that stands still for longer is blocked. */
  readonly blockedForMs: number;
  /** Starts the thread that watches; it sends the error of a beat that failed. May throw. */
  readonly startThread: (memory: SharedArrayBuffer) => WatchThread;
}

/**
 * The watched side of the event loop: shows another thread that the loop moves and which jobs run on it, and tells of
 * blocks when they are over. What the other thread does meanwhile is in `watcher.ts`. Without that thread all goes on as
 * before, except that a loop that is blocked for long looks like a process that is frozen.
 */
export class LoopWatch implements Service {
  readonly #parts: LoopWatchParts;
  readonly #pulse = new Pulse();
  readonly #everyMs: number;
  /** The jobs whose handlers run, by slot. */
  readonly #running: (JobRef | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  /** Ended while the loop was late. */
  #endedLate: JobRef[] = [];
  #dueMs = Number.POSITIVE_INFINITY;
  #looks = 0;
  #cancelTick: (() => void) | undefined;
  #thread: WatchThread | undefined;

  constructor(parts: LoopWatchParts) {
    this.#parts = parts;
    this.#everyMs = pulseMs(parts.blockedForMs);
  }

  async start(): Promise<void> {
    if (this.#cancelTick !== undefined) return;
    this.#arm();
    this.#startThread();
  }

  async stop(): Promise<void> {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }

  async tick(): Promise<void> {
    const lateMs = this.#parts.clock.monotonicMs() - this.#dueMs;
    if (lateMs > this.#parts.blockedForMs && !this.#wasFrozen(lateMs)) {
      const running = this.#running.filter((job) => job !== undefined);
      const jobs = [...this.#endedLate, ...running];
      this.#parts.emit('loop:blocked', { durationMs: Math.round(lateMs), jobs });
    }
    this.#endedLate = [];
  }

  /** A handler begins; the answer is called when it has ended. Costs little, for every job comes by. */
  began(job: JobRef): () => void {
    const slot = this.#freeSlots.pop() ?? this.#running.length;
    this.#running[slot] = job;
    this.#pulse.setJob(slot, job.id);
    return () => {
      this.#running[slot] = undefined;
      this.#freeSlots.push(slot);
      this.#pulse.setJob(slot, null);
      if (this.#parts.clock.monotonicMs() > this.#dueMs) this.#endedLate.push(job);
    };
  }

  #arm(): void {
    const { clock } = this.#parts;
    this.#pulse.tick();
    this.#looks = this.#pulse.looks;
    this.#dueMs = clock.monotonicMs() + this.#everyMs;
    this.#cancelTick = clock.after(this.#everyMs, () => {
      void this.tick();
      this.#arm();
    });
  }

  /** Where the other thread stood still as well, no handler is to blame: the process, or the machine, was stopped. */
  #wasFrozen(lateMs: number): boolean {
    const looks = this.#pulse.looks - this.#looks;
    return this.#thread !== undefined && looks * this.#everyMs < lateMs / 2;
  }

  #startThread(): void {
    try {
      const thread = this.#parts.startThread(this.#pulse.memory);
      this.#thread = thread;
      thread.on('error', (error) => {
        if (this.#thread !== thread) return;
        this.#thread = undefined;
        this.#reportUnwatched(error);
      });
      thread.on('message', (error: AttemptError) => this.#parts.emit('loop:unwatched', { error }));
      // After the listeners, which would hold the process again.
      thread.unref();
    } catch (error) {
      this.#reportUnwatched(error);
    }
  }

  #reportUnwatched(error: unknown): void {
    this.#parts.emit('loop:unwatched', { error: toAttemptError(error, defaults.errorMaxBytes) });
  }
}
