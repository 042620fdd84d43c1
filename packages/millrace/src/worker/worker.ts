import { once } from 'node:events';
import { toAttemptError } from '../core/attempt-error.ts';
import { backoffMs, type Backoff } from '../core/backoff.ts';
import { pause } from '../core/clock.ts';
import { databaseCause, isRefusal } from '../core/database-error.ts';
import { MillraceError } from '../core/errors.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { StopOptions, Worker, WorkerStopped } from '../core/millrace.ts';
import { checkOptions, defaults, stopChecks } from '../core/options.ts';
import type { ClaimRequest } from '../core/storage.ts';
import type { InHand } from '../core/telemetry.ts';
import { Attempts } from './attempts.ts';
import { CancelWatch } from './cancel-watch.ts';
import { Hands } from './hands.ts';
import type { HeldJob } from './held-job.ts';
import { HeldBack } from './held-back.ts';
import { failureSettlement } from './run-attempt.ts';
import { WorkerSession } from './session.ts';
import { worthwhile } from './prefetch.ts';
import { ProgressReports } from './progress-reports.ts';
import { workerSettings, type WorkerSettings } from './settings.ts';
import { Settler } from './settler.ts';
import { runUntilSignal } from './signals.ts';
import { Wakeup } from './wakeup.ts';
import { within } from './within.ts';
import type { WorkerParts } from './worker-parts.ts';

/**
 * After a claim that failed: soon at first, for most failures are conflicts; never seldom, so that a worker is back soon
 * after its database is.
 */
const claimBackoff: Backoff = { firstMs: 50, longestMs: 2_000 };

/** How long handlers get to end after their signal aborted at the stop. */
const abortGraceMs = 2_000;

/** At the stop: how long a claim under way, unwritten outcomes, and the goodbye may take while the database is away. */
const lastClaimMs = 5_000;
const lastSettleMs = 5_000;
const goodbyeMs = 2_000;

/**
 * What a claim came to. `isAll`: it brought as many jobs as it asked for, so there may be more. `full`: nothing may be
 * taken now, and no claim was made.
 */
type Claim =
  | { readonly type: 'taken'; readonly jobs: readonly HeldJob[]; readonly isAll: boolean }
  | { readonly type: 'empty'; readonly dueInMs: number | null }
  | { readonly type: 'failed' | 'full' };

/** Claims jobs, runs them and settles them, until it is stopped. */
export class JobWorker implements Worker {
  readonly #parts: WorkerParts;
  readonly #settings: WorkerSettings;
  readonly #hands: Hands;
  readonly #session: WorkerSession;
  readonly #settler: Settler;
  readonly #wakeup: Wakeup;
  readonly #cancelWatch: CancelWatch;
  readonly #attempts: Attempts;
  readonly #heldBack: HeldBack;
  readonly #stopping = new AbortController();
  /** Aborts when no handler runs any more, or none may go on. */
  readonly #graceOver = new AbortController();
  readonly #stopped = Promise.withResolvers<WorkerStopped>();
  #opening: Promise<void> | undefined;
  #looping: Promise<void> | undefined;
  #claiming: Promise<unknown> = Promise.resolve();
  #claims = 0;
  /** Whether the last claim had to leave something out for lack of room. */
  #wantsRoom = false;
  #forgetCompany = () => {};
  /** Jobs that had begun and were given back since the stop began; before it they are given back for other reasons. */
  #givenBack = 0;

  /** @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID, MILLRACE_HANDLER_MISSING, MILLRACE_HANDLER_DUPLICATE */
  constructor(parts: WorkerParts) {
    const { port, clock, emit, random } = parts;
    const settings = workerSettings(parts.options, parts.jobs, parts.use);
    const { queues, handlers, concurrency } = settings;
    const hands = new Hands(settings);
    const facts = {
      ...parts.process,
      kinds: [...handlers.keys()],
      versions: [...handlers.values()].map(({ version }) => version),
      queues: [...queues.keys()],
      concurrency,
    };
    const { backstopMs, pollMs } = parts;
    const session = new WorkerSession({
      ...parts,
      facts,
      held: () => hands.all(),
      running: () => hands.running,
    });
    const certain = () => session.certain;
    this.#parts = parts;
    this.#settings = settings;
    this.#hands = hands;
    this.#session = session;
    this.#settler = new Settler({
      port,
      clock,
      emit,
      random,
      certain,
      failure: (held, error) => failureSettlement(held, error, parts),
    });
    this.#attempts = new Attempts({
      clock,
      emit,
      hands,
      settler: this.#settler,
      surroundings: { ...parts, certain, progress: new ProgressReports(parts) },
      handlers,
      company: parts.company,
      patienceMs: parts.patienceMs,
      stopping: this.#stopping.signal,
      isHeldBack: (job) => this.#heldBack.holds(job),
      publishAlone: (id) => session.publishAlone(id),
      onGone: (isUnfinished) => {
        if (isUnfinished && this.#stopping.signal.aborted) this.#givenBack += 1;
        if (this.#wantsRoom) this.#wakeup.wake();
      },
    });
    this.#cancelWatch = new CancelWatch({
      port,
      clock,
      random,
      running: () => hands.unended(),
      claiming: () => this.#claims > 0,
    });
    this.#wakeup = new Wakeup({
      port,
      clock,
      emit,
      random,
      queues: new Set(queues.keys()),
      worker: () => session.no,
      backstopMs,
      pollMs,
      onCancel: (id) => this.#cancelWatch.notified(id),
      onPause: (queue) => this.#heldBack.pause(queue),
    });
    this.#heldBack = this.#createHeldBack();
  }

  #createHeldBack(): HeldBack {
    const { port } = this.#parts;
    return new HeldBack({
      ...this.#parts,
      handlers: this.#settings.handlers,
      worker: () => this.#session.no,
      publish: (worker, kinds) => port.holdKinds(worker, kinds),
      giveBack: (those) => this.#attempts.giveBackWaiting(({ job }) => those(job)),
      wake: () => this.#wakeup.wake(),
    });
  }

  /**
   * Starts the loop; resolves when it runs.
   * @throws MILLRACE_STOPPED, MILLRACE_SCHEMA_…, MILLRACE_DB_…
   */
  async start(): Promise<void> {
    await this.#open();
    this.#refuseWhenStopped();
    if (this.#looping !== undefined) return;
    this.#looping = this.#loop();
  }

  async tick(): Promise<number> {
    try {
      await this.#open();
    } catch (error) {
      // A database that is away when the worker registers is no other than one that is away when it claims.
      if (databaseCause(error) !== 'connection') throw error;
      this.#reportFailedClaim(error);
      return 0;
    }
    const claim = await this.#claim('yes', false);
    if (claim.type !== 'taken') return 0;
    await Promise.all(claim.jobs.map((held) => held.finished));
    return claim.jobs.length;
  }

  run(options: { readonly signal?: AbortSignal } = {}): Promise<WorkerStopped> {
    return runUntilSignal(this, options.signal);
  }

  async stop(options: StopOptions = {}): Promise<WorkerStopped> {
    const { grace } = checkOptions(stopChecks, options, 'stop');
    const { clock } = this.#parts;
    const endGrace = () => this.#graceOver.abort();
    void pause(clock, grace ?? this.#settings.stopGraceMs, this.#graceOver.signal).then(endGrace);
    if (!this.#stopping.signal.aborted) {
      this.#stopping.abort();
      this.#shutDown().then(this.#stopped.resolve, this.#stopped.reject);
    }
    return this.#stopped.promise;
  }

  /** What it has in hand now. */
  readonly inHand = (): InHand => this.#hands.count();

  /** Resolves when the worker has stopped, whoever asked for it. */
  get stopped(): Promise<WorkerStopped> {
    return this.#stopped.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * While there is more to do than it can take, the worker claims from where it has come to. As soon as there is less, it
   * lets others know that it waits, looks everywhere once more, and sleeps. Completions go along with the claims.
   */
  async #loop(): Promise<void> {
    const { clock, random } = this.#parts;
    const { signal } = this.#stopping;
    const wakeup = this.#wakeup;
    const ride = () => this.#settler.ride(() => wakeup.wake());
    ride();
    let isIdle = true;
    for (let failures = 0; !signal.aborted;) {
      wakeup.reset();
      if (isIdle) wakeup.announce();
      const claim = await this.#claim(isIdle ? 'rationed' : 'no', true);
      failures = claim.type === 'failed' ? failures + 1 : 0;
      switch (claim.type) {
        case 'taken':
          wakeup.worked();
          if (claim.isAll) wakeup.withdraw();
          isIdle = !claim.isAll;
          break;
        case 'empty':
          // Whoever was told where jobs lie has them sooner without looking everywhere.
          isIdle = !isIdle || !(await wakeup.sleep(claim.dueInMs));
          break;
        case 'full':
          wakeup.withdraw();
          await wakeup.sleep(null);
          isIdle = false;
          break;
        case 'failed':
          this.#settler.ride();
          await pause(clock, backoffMs(claimBackoff, failures, random()), signal);
          ride();
          break;
      }
    }
    this.#settler.ride();
  }

  /** One claim at a time, whoever asks for it; never rejects. */
  #claim(everywhere: ClaimRequest['everywhere'], ahead: boolean): Promise<Claim> {
    const claim = this.#claiming.then(() => this.#claimOnce(everywhere, ahead));
    this.#claiming = claim;
    return claim;
  }

  async #claimOnce(everywhere: ClaimRequest['everywhere'], ahead: boolean): Promise<Claim> {
    const { port, clock, emit, company } = this.#parts;
    // Where no more is known to wait, what ends in this turn may as well come along.
    const isEnough = (leaving: number) =>
      everywhere === 'no' && this.#hands.space(ahead, leaving) >= worthwhile;
    const passengers = await this.#settler.board(isEnough);
    const room = this.#hands.room(ahead, passengers.jobs);
    this.#wantsRoom = room === undefined || room.queues.length < this.#settings.queues.size;
    const kinds = this.#heldBack.kinds;
    const isClosed = this.#stopping.signal.aborted || !company.isOpen || kinds.length === 0;
    if (room === undefined || isClosed) {
      passengers.leave();
      return { type: 'full' };
    }
    const versions = kinds.map((kind) => this.#settings.handlers.get(kind)?.version ?? 1);
    const startedMs = clock.monotonicMs();
    company.enter();
    this.#claims += 1;
    try {
      const { worker, lease } = await this.#session.nextLease();
      const answer = await port.claim({
        worker,
        lease,
        kinds,
        versions,
        everywhere,
        completed: passengers.completed,
        ...room,
      });
      const durationMs = clock.monotonicMs() - startedMs;
      passengers.arrived(answer.unwritten, durationMs);
      this.#heldBack.asked(room.queues, answer.paused);
      if (answer.dead) this.#session.doubt('declared_dead');
      this.#hands.brought(answer.jobs.length, answer.bytes);
      const taken = this.#take(answer.jobs, worker);
      if (taken.length === 0) {
        emit('claim:empty', { worker, durationMs });
        return { type: 'empty', dueInMs: answer.dueInMs };
      }
      emit('claim:taken', { worker, jobs: taken.length, durationMs });
      return { type: 'taken', jobs: taken, isAll: taken.length >= room.limit };
    } catch (error) {
      passengers.leave(error);
      // Unless the server itself refused it, the claim may have taken jobs, or may still take some.
      if (!isRefusal(error)) this.#session.doubt('unknown_claim');
      this.#reportFailedClaim(error);
      return { type: 'failed' };
    } finally {
      this.#claims -= 1;
      this.#cancelWatch.claimEnded();
      company.leave();
    }
  }

  #reportFailedClaim(error: unknown): void {
    this.#parts.emit('claim:failed', {
      worker: this.#session.no,
      cause: databaseCause(error),
      error: toAttemptError(error, defaults.errorMaxBytes),
    });
  }

  /** Takes claimed jobs in hand and starts them as far as there are slots, unless they must go back at once. */
  #take(jobs: readonly ClaimedJob[], worker: number): HeldJob[] {
    // Claimed under an identity that is dead or in doubt by now, a job may be somebody else's any moment.
    const isSafe = !this.#stopping.signal.aborted && this.#session.isCertain(worker);
    const taken = this.#attempts.take(jobs, isSafe);
    this.#cancelWatch.claimed(taken);
    return taken;
  }

  #open(): Promise<void> {
    this.#refuseWhenStopped();
    this.#opening ??= this.#register().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #register(): Promise<void> {
    const { prepare, emit, company } = this.#parts;
    const { handlers, queues } = this.#settings;
    await prepare();
    await this.#session.open();
    emit('worker:started', {
      worker: this.#session.no,
      kinds: [...handlers.keys()],
      queues: [...queues.keys()],
      concurrency: this.#settings.concurrency,
    });
    await this.#heldBack.start();
    this.#wakeup.listen();
    this.#forgetCompany = company.watch({
      onClose: () => this.#attempts.giveBackWaiting(),
      onOpen: () => this.#wakeup.wake(),
    });
    await this.#cancelWatch.start();
  }

  #refuseWhenStopped(): void {
    if (!this.#stopping.signal.aborted) return;
    throw new MillraceError('MILLRACE_STOPPED', 'the worker was stopped');
  }

  /** Every step is bounded in time, so that a worker whose database is away stops too; the others rescue what is left. */
  async #shutDown(): Promise<WorkerStopped> {
    const { clock, emit, release } = this.#parts;
    this.#wakeup.wake();
    this.#forgetCompany();
    const claims = Promise.allSettled([this.#opening, this.#looping, this.#claiming]);
    await Promise.all([within(clock, lastClaimMs, claims), this.#endHandlers()]);
    await this.#settler.close(lastSettleMs);
    const goodbyes = [
      this.#heldBack.stop(),
      this.#session.close(),
      this.#wakeup.stop(),
      this.#cancelWatch.stop(),
    ];
    await within(clock, goodbyeMs, Promise.allSettled(goodbyes));
    await within(clock, goodbyeMs, release());
    const givenBack = this.#givenBack;
    if (this.#session.no !== 0) emit('worker:stopped', { worker: this.#session.no, givenBack });
    return { givenBack };
  }

  async #endHandlers(): Promise<void> {
    const { clock } = this.#parts;
    this.#attempts.stop();
    const ended = Promise.all(this.#hands.unended().map((held) => held.handlerEnded));
    void ended.then(() => this.#graceOver.abort());
    const { signal } = this.#graceOver;
    if (!signal.aborted) await once(signal, 'abort');
    const reason = new MillraceError('MILLRACE_STOPPED', 'the worker stops and the grace is over');
    for (const held of this.#hands.unended()) held.interrupt('stopped', reason);
    await within(clock, abortGraceMs, ended);
    for (const held of this.#hands.unended()) void this.#attempts.giveBack(held);
  }
}
