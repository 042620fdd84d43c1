import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { Settlement } from '../core/lifecycle.ts';
import { isSuspect, patienceMs } from '../core/suspect.ts';
import type { Company } from './company.ts';
import type { Hands } from './hands.ts';
import { HeldJob, type HandledJobSettings } from './held-job.ts';
import { givenBackAfterMs } from './prefetch.ts';
import { runAttempt, type Surroundings } from './run-attempt.ts';
import type { Settler } from './settler.ts';

interface AttemptsParts {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly hands: Hands;
  readonly settler: Pick<Settler, 'settle'>;
  readonly surroundings: Surroundings;
  readonly handlers: ReadonlyMap<string, HandledJobSettings>;
  readonly company: Company;
  /** For so long, at least, a suspect waits to be alone. */
  readonly patienceMs: number;
  readonly stopping: AbortSignal;
  /** Whether a job must not start at present, although it was claimed. */
  readonly isHeldBack: (job: ClaimedJob) => boolean;
  /** Lets everybody know which job is alone in the process; false when that is not certain. */
  readonly publishAlone: (id: string | null) => Promise<boolean>;
  /** A job is out of hand; `isUnfinished`: its handler had begun, and it was given back all the same. */
  readonly onGone: (isUnfinished: boolean) => void;
}

/** Starts jobs in hand as slots become free, suspects when nothing else is there, and brings each to its settlement. */
export class Attempts {
  readonly #parts: AttemptsParts;
  #stopWatching: (() => void) | undefined;

  constructor(parts: AttemptsParts) {
    this.#parts = parts;
  }

  /** Takes claimed jobs in hand. Unless it is safe they go back at once. */
  take(jobs: readonly ClaimedJob[], isSafe: boolean): HeldJob[] {
    const { hands, handlers, company, isHeldBack } = this.#parts;
    const suspects: HeldJob[] = [];
    const taken: HeldJob[] = [];
    for (const job of jobs) {
      const settings = handlers.get(job.kind);
      // A claim asks for nothing else.
      if (settings === undefined) continue;
      const held = new HeldJob(job, settings);
      taken.push(held);
      if (isSuspect(job)) {
        hands.addAside(held);
        suspects.push(held);
      } else {
        hands.add(held);
        company.enter();
      }
    }
    if (!isSafe || !company.isOpen) {
      for (const held of suspects) void this.giveBack(held);
      this.giveBackWaiting();
    } else if (taken.length > 0) {
      this.giveBackWaiting(({ job }) => isHeldBack(job));
      for (const held of suspects) if (isHeldBack(held.job)) void this.giveBack(held);
      this.#judge(suspects.filter(({ job }) => !isHeldBack(job)));
    }
    this.#start();
    return taken;
  }

  /** Gives back what waits for a slot: all, or those. */
  giveBackWaiting(those?: (held: HeldJob) => boolean): void {
    for (const held of this.#parts.hands.takeWaiting(those)) void this.giveBack(held);
  }

  /** Gives a job back whose handler has not begun, or goes on although it was told to end. */
  async giveBack(held: HeldJob, delayMs = 0): Promise<void> {
    if (held.abandoned) return;
    held.abandoned = true;
    held.endHandler();
    this.#parts.surroundings.progress.ended(held);
    await this.#settle(held, held.isLost ? null : { type: 'giveBack', delayMs });
  }

  /** Nothing starts any more. */
  stop(): void {
    this.#stopWatching?.();
    this.giveBackWaiting();
  }

  /** Starts what waits for a slot, as far as there are any. */
  #start(): void {
    const { hands, company } = this.#parts;
    if (!company.isOpen) return;
    for (let held = hands.next(); held !== undefined; held = hands.next()) {
      // Told to end before it began: there is nothing to run.
      if (held.interruption === undefined) void this.#run(held);
      else void this.giveBack(held);
    }
    if (this.#stopWatching === undefined && hands.oldestWaiting !== undefined) this.#watch();
  }

  /** Each in its turn: a suspect sends away all that has not started, or is sent away because it is the others' turn. */
  #judge([suspect, ...more]: readonly HeldJob[]): void {
    const { company, hands } = this.#parts;
    const isOthersTurn = company.isOthersTurn && hands.oldestWaiting !== undefined;
    if (suspect === undefined) return;
    if (isOthersTurn || !company.mayClose) void this.#putOff(suspect);
    else void this.#runAlone(suspect);
    for (const held of more) {
      if (company.isOpen) void this.#putOff(held);
      else void this.giveBack(held);
    }
  }

  async #putOff(held: HeldJob): Promise<void> {
    const delayMs = this.#patienceFor(held);
    this.#parts.emit('suspect:put-off', { ...held.ref, delayMs });
    await this.giveBack(held, delayMs);
  }

  /** Runs a suspect when nothing else is left in the process, or puts it off. */
  async #runAlone(held: HeldJob): Promise<void> {
    const { company, emit, stopping } = this.#parts;
    const longestMs = this.#patienceFor(held);
    const signal = AbortSignal.any([held.signal, stopping]);
    emit('suspect:waiting', { ...held.ref, longestMs });
    if (await company.alone(longestMs, signal, () => this.#runWatched(held, signal))) return;
    await (signal.aborted ? this.giveBack(held) : this.#putOff(held));
  }

  /** Everybody is to know who was alone here, should the process end. */
  async #runWatched(held: HeldJob, signal: AbortSignal): Promise<void> {
    const { publishAlone } = this.#parts;
    const isKnown = await publishAlone(held.job.id);
    if (isKnown && !signal.aborted) await this.#run(held);
    else await this.giveBack(held);
    await publishAlone(null);
  }

  #patienceFor({ job }: HeldJob): number {
    return patienceMs(job, this.#parts.patienceMs);
  }

  #run(held: HeldJob): Promise<void> {
    const { hands, surroundings } = this.#parts;
    held.hasBegun = true;
    return runAttempt(held, surroundings).then(({ settlement, finished }) => {
      hands.ended(held, finished.durationMs);
      this.#start();
      return held.abandoned ? undefined : this.#settle(held, settlement);
    });
  }

  /** Lets go of a job when its settlement, if there is one, is written or known to be lost. */
  #settle(held: HeldJob, settlement: Settlement | null): Promise<void> | undefined {
    if (settlement === null) return this.#letGo(held, false);
    const isUnfinished = held.hasBegun && settlement.type === 'giveBack';
    return this.#parts.settler
      .settle(held, settlement)
      .then((settled) => this.#letGo(held, isUnfinished && settled === 'written'));
  }

  #letGo(held: HeldJob, isUnfinished: boolean): undefined {
    const { hands, company, onGone } = this.#parts;
    hands.delete(held);
    held.finish();
    if (!isSuspect(held.job)) company.leave();
    onGone(isUnfinished);
    this.#start();
  }

  /** Jobs that wait for a slot longer than was expected go back, for whoever is idle. */
  #watch(): void {
    const { clock, hands } = this.#parts;
    const oldest = hands.oldestWaiting;
    this.#stopWatching = clock.after(givenBackAfterMs, () => {
      this.#stopWatching = undefined;
      if (hands.oldestWaiting === undefined) return;
      if (hands.oldestWaiting !== oldest) return this.#watch();
      hands.forgetRunTimes();
      this.giveBackWaiting();
    });
  }
}
