import type { Bagged } from './bag.ts';
import type { MillraceError } from '../core/errors.ts';
import type { JobRef } from '../core/events.ts';
import type { JobSettings } from '../core/job-definition.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { AttemptLog } from '../core/logger.ts';
import type { Layers } from '../core/middleware.ts';
import { parseTraceparent } from '../core/trace-context.ts';

/** The settings of a definition that has a handler. */
export type HandledJobSettings = JobSettings & {
  readonly handler: NonNullable<JobSettings['handler']>;
  /** What stands around it, that of createMillrace included. */
  readonly layers?: Layers | undefined;
};

/** Why a handler was told to stop. */
export type Interruption = 'cancelled' | 'timed out' | 'stopped' | 'lost';

/** A job in hand: from its claim until its outcome is written or its lease is lost. */
export class HeldJob implements Bagged {
  readonly job: ClaimedJob;
  readonly settings: HandledJobSettings;
  ref: JobRef;
  place = -1;
  /** What its handler logs to, once it has asked for it. */
  log: AttemptLog | undefined;
  /** Whether its handler was ever started. */
  hasBegun = false;
  /** Whether its handler has a slot. */
  hasSlot = false;
  /** What every write about the job names; a renewal of the worker's identity changes it. */
  lease: string;
  /**
   * True while a write of its outcome may be under way. A renewal that does not find the job then proves nothing: the
   * answer of the write says what became of it.
   */
  settling = false;
  /** True once the worker has given the job back although its handler still runs: what it comes to no longer counts. */
  abandoned = false;
  #interruption: Interruption | undefined;
  #reason: MillraceError | undefined;
  #isRunning = true;
  // Most jobs end without anybody asking for these.
  #abort: AbortController | undefined;
  #handlerEnded: PromiseWithResolvers<void> | undefined;
  #finished: PromiseWithResolvers<void> | undefined;
  #isGone = false;

  constructor(job: ClaimedJob, settings: HandledJobSettings) {
    this.job = job;
    this.settings = settings;
    this.ref = { id: job.id, kind: job.kind, queue: job.queue, attempt: job.attempt };
    this.lease = job.lease;
  }

  /** Says which trace this attempt belongs to; where nobody knows, that of whoever enqueued it. */
  trace(traceId: string | undefined): void {
    const known = traceId ?? parseTraceparent(this.job.meta.traceparent)?.traceId;
    if (known !== undefined) this.ref = { ...this.ref, traceId: known };
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#reason !== undefined) this.#abort.abort(this.#reason);
    return this.#abort.signal;
  }

  get interruption(): Interruption | undefined {
    return this.#interruption;
  }

  /** Why the signal aborted. */
  get reason(): MillraceError | undefined {
    return this.#reason;
  }

  get isLost(): boolean {
    return this.#interruption === 'lost';
  }

  /** Whether the handler has not ended yet. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Resolves when the handler has ended, whatever it came to. */
  get handlerEnded(): Promise<void> {
    this.#handlerEnded ??= Promise.withResolvers();
    if (!this.#isRunning) this.#handlerEnded.resolve();
    return this.#handlerEnded.promise;
  }

  /** Resolves when the job is no longer in hand. */
  get finished(): Promise<void> {
    this.#finished ??= Promise.withResolvers();
    if (this.#isGone) this.#finished.resolve();
    return this.#finished.promise;
  }

  /** Aborts the handler's signal. The first reason stays, except that a lost lease outdoes all others. */
  interrupt(why: Interruption, reason: MillraceError): void {
    if (this.#interruption === undefined || why === 'lost') this.#interruption = why;
    this.#reason ??= reason;
    this.#abort?.abort(this.#reason);
  }

  endHandler(): void {
    this.#isRunning = false;
    this.#handlerEnded?.resolve();
  }

  finish(): void {
    this.#isGone = true;
    this.#finished?.resolve();
  }
}
