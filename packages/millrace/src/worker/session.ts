import { randomInt } from 'node:crypto';
import { toAttemptError } from '../core/attempt-error.ts';
import { backoffMs } from '../core/backoff.ts';
import { pause, type Clock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
import type { Emit, Events } from '../core/events.ts';
import { Loop } from '../core/loop.ts';
import { defaults } from '../core/options.ts';
import type { Identity, WorkSession } from '../core/storage.ts';
import type { HeldJob } from './held-job.ts';

/** Identities are 31 bits so that, with the 32 of the counter, a lease fits PostgreSQL's signed bigint. */
const identities = 2 ** 31;
const lastCounter = 2 ** 32 - 1;

/** A renewal that fails is tried again soon: until it succeeds the worker claims nothing. */
const renewalBackoff = { firstMs: 50, longestMs: 2_000 };

/** Several signs of life in the time that it takes others to judge. */
const stampMs = 250;

/** Moves of unknown end that are remembered. What an older one moved is rescued, for its identity gives no more signs. */
const maxTried = 20;

export type DoubtReason = Events['worker:renewed']['reason'];

/** Who a worker is, apart from the numbers that are drawn here. */
export type WorkerFacts = Pick<
  Identity,
  'boot' | 'host' | 'pid' | 'version' | 'kinds' | 'versions' | 'queues' | 'concurrency'
>;

export interface WorkerSessionParts {
  readonly port: Pick<
    WorkSession,
    'register' | 'beat' | 'stamp' | 'onLost' | 'transfer' | 'unregister'
  >;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly random: () => number;
  readonly facts: WorkerFacts;
  readonly heartbeatMs: number;
  /** The jobs in hand. */
  readonly held: () => Iterable<HeldJob>;
  /** How many jobs run. */
  readonly running: () => number;
}

/**
 * The identity of one worker over time, and the leases that follow from it.
 *
 * A worker whose identity is in doubt (it was declared dead, or a claim may or may not have taken jobs) does not try to
 * find out. It registers a new identity, moves to it the jobs that it really has in hand, each under its old lease, and
 * declares the old identity dead. Jobs that moved are its own; those that did not are somebody else's by now, and their
 * handlers are told. Whatever the old identity holds without the worker's knowledge, now or later, is rescued.
 *
 * Until the move is certain the old identity goes on beating, so that nobody takes the jobs meanwhile; and so do the
 * identities of moves of unknown end, for the jobs may be theirs. What got stuck under one of them is asked for by the next
 * try. They are left behind without a sign of life, and what they hold unknown is rescued.
 */
export class WorkerSession {
  readonly #parts: WorkerSessionParts;
  readonly #heartbeat: Loop;
  readonly #closing = new AbortController();
  #no = 0;
  #counter = 0;
  #doubt: DoubtReason | undefined;
  #trying: Promise<void> | undefined;
  #forgetLost = () => {};
  #certain: Promise<void> = Promise.resolve();
  /** The job that runs with nothing else in the process. */
  #alone: string | null = null;
  /** The leases that earlier tries of this renewal may have moved jobs to without our learning of it. */
  #tried: readonly string[] = [];

  constructor(parts: WorkerSessionParts) {
    this.#parts = parts;
    this.#heartbeat = new Loop({
      pass: () => this.#beat(),
      clock: parts.clock,
      random: parts.random,
      onError: () => {},
    });
  }

  /** The present identity; 0 before the first. */
  get no(): number {
    return this.#no;
  }

  /** Registers and begins to beat. Rejects when the database cannot be used. */
  async open(): Promise<void> {
    const no = await this.#register();
    if (this.#closing.signal.aborted) {
      await this.#parts.port.unregister(no);
      throw stopped();
    }
    this.#no = no;
    this.#forgetLost = this.#parts.port.onLost(() => this.doubt('connection_lost'));
    await this.#heartbeat.start();
  }

  /**
   * The identity and the lease for the next claim. While the identity is in doubt it joins the present try to renew it,
   * or makes one, and rejects if that fails.
   */
  async nextLease(): Promise<{ readonly worker: number; readonly lease: string }> {
    if (this.#counter === lastCounter) this.doubt('leases_used_up');
    if (this.#doubt !== undefined) await this.#tryRenewal();
    this.#counter += 1;
    return { worker: this.#no, lease: leaseOf(this.#no, this.#counter) };
  }

  /** Whether jobs claimed under this identity are safe to start. */
  isCertain(worker: number): boolean {
    return this.#doubt === undefined && this.#no === worker;
  }

  /** Resolves when the identity is beyond doubt, or will not be any more. */
  get certain(): Promise<void> {
    return this.#certain;
  }

  /**
   * Lets everybody know that this job, or none any more, runs with nothing else in the process: should the process end,
   * it is what ended it. False when it cannot be known whether they know; then the worker takes a new identity, of
   * which nothing of the kind is known.
   */
  async publishAlone(id: string | null): Promise<boolean> {
    this.#alone = id;
    await this.#certain;
    if (this.#closing.signal.aborted) return false;
    const no = this.#no;
    const isKnown = await this.#parts.port.beat(no, id).catch((error: unknown) => {
      this.#report(error);
      return false;
    });
    if (isKnown) return true;
    this.#alone = null;
    if (no === this.#no) this.doubt('unknown_company');
    return false;
  }

  /** The identity may no longer be claimed under; renews it, as often as it takes. */
  doubt(reason: DoubtReason): void {
    if (this.#doubt !== undefined || this.#closing.signal.aborted) return;
    this.#doubt = reason;
    this.#certain = this.#renewUntilCertain();
    void this.#stampUntilCertain();
  }

  /** Ends the heartbeat and the identity. Rejects when the database could not be told; the heartbeat tells the others. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#forgetLost();
    await Promise.all([this.#heartbeat.stop(), this.#certain]);
    if (this.#no === 0) return;
    const { port } = this.#parts;
    if (this.#doubt === undefined) return port.unregister(this.#no);
    // A claim whose end nobody knows may still commit; the tombstone keeps it from taking anything.
    await port.transfer({
      held: [],
      lease: leaseOf(this.#no, lastCounter),
      from: this.#no,
      reason: this.#doubt,
    });
  }

  async #register(): Promise<number> {
    const { port, facts } = this.#parts;
    for (;;) {
      const no = randomInt(1, identities);
      const identity = { ...facts, no, role: 'worker', schedules: [] } as const;
      if (await port.register(identity)) return no;
    }
  }

  async #beat(): Promise<number> {
    const no = this.#no;
    try {
      const { port, running } = this.#parts;
      const alive = await port.beat(no, this.#alone, running());
      if (!alive && no === this.#no) this.doubt('declared_dead');
    } catch (error) {
      this.#report(error);
    }
    return this.#parts.heartbeatMs;
  }

  async #renewUntilCertain(): Promise<void> {
    const { clock, random } = this.#parts;
    const { signal } = this.#closing;
    for (let tries = 1; this.#doubt !== undefined && !signal.aborted; tries++) {
      try {
        await this.#tryRenewal();
      } catch (error) {
        this.#report(error);
        await pause(clock, backoffMs(renewalBackoff, tries, random()), signal);
      }
    }
  }

  /** While the session is lost the lock is free: a sign of life by another way keeps the others from judging by it. */
  async #stampUntilCertain(): Promise<void> {
    const { port, clock } = this.#parts;
    const { signal } = this.#closing;
    while (this.#doubt !== undefined && !signal.aborted) {
      const numbers = [this.#no, ...this.#tried.map(noOf)];
      await Promise.all(numbers.map((no) => port.stamp(no).catch(() => {})));
      await pause(clock, stampMs, signal);
    }
  }

  /** One try at a time, whoever asks for it. */
  #tryRenewal(): Promise<void> {
    this.#trying ??= this.#renew().finally(() => {
      this.#trying = undefined;
    });
    return this.#trying;
  }

  async #renew(): Promise<void> {
    const { port, emit } = this.#parts;
    const reason = this.#doubt;
    if (reason === undefined) return;
    if (this.#closing.signal.aborted) throw stopped();
    const from = this.#no;
    const no = await this.#register();
    const lease = leaseOf(no, 1);
    if (this.#alone !== null) await port.beat(no, this.#alone);
    const jobs = [...this.#parts.held()];
    // In hand twice is a job that was lost and then claimed again, and only the later claim can be the row's.
    const latest = new Map(jobs.map((job) => [job.job.id, job]));
    const held = [...latest.values()].flatMap((job) =>
      [job.lease, ...this.#tried].map((under) => ({ id: job.job.id, lease: under })),
    );
    this.#tried = [...this.#tried, lease].slice(-maxTried);
    const moved = await port.transfer({ held, lease, from, reason });
    this.#no = no;
    this.#counter = 1;
    this.#tried = [];
    this.#doubt = undefined;
    const kept = new Set(moved.map((id) => latest.get(id)));
    emit('worker:renewed', { from, worker: no, reason, ...settleHands(jobs, kept, lease) });
  }

  #report(error: unknown): void {
    const { emit } = this.#parts;
    emit('worker:heartbeat-failed', {
      worker: this.#no,
      error: toAttemptError(error, defaults.errorMaxBytes),
    });
  }
}

/** Lets the jobs in hand know what became of their leases. */
function settleHands(
  jobs: readonly HeldJob[],
  moved: ReadonlySet<HeldJob | undefined>,
  lease: string,
): { kept: number; lost: number } {
  let kept = 0;
  let lost = 0;
  for (const held of jobs) {
    if (moved.has(held)) {
      held.lease = lease;
      kept += 1;
    } else if (!held.settling && !held.isLost) {
      held.interrupt(
        'lost',
        new MillraceError('MILLRACE_LEASE_LOST', `job ${held.job.id} is no longer this worker's`),
      );
      lost += 1;
    }
  }
  return { kept, lost };
}

function stopped(): MillraceError {
  return new MillraceError('MILLRACE_STOPPED', 'the worker is stopped');
}

/** Leases exceed what a number holds exactly; they are texts everywhere. */
function leaseOf(no: number, counter: number): string {
  return ((BigInt(no) << 32n) + BigInt(counter)).toString();
}

function noOf(lease: string): number {
  return Number(BigInt(lease) >> 32n);
}
