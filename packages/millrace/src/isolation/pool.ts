import type { Clock } from '../core/clock.ts';
import { MillraceError } from '../core/errors.ts';
import type { IsolatedJobContext, IsolateSettings, Isolation } from '../core/isolation.ts';
import type { AttemptError, ClaimedJob } from '../core/job.ts';
import { OutcomeError } from '../core/outcome.ts';
import type { FromIsolate, IsolatedEnd } from './messages.ts';
import type { Vessel, VesselEnd } from './vessel.ts';

/** A vessel without a job ends after this long. */
const idleMs = 30_000;

/** Starts a vessel of each kind; its heap is bounded. */
export type Launch = Readonly<Record<IsolateSettings['in'], (memoryMb: number) => Vessel>>;

interface Idle {
  readonly vessel: Vessel;
  readonly stopTimer: () => void;
}

/**
 * Threads and processes that run one job at a time each. One that has ended a job well is kept for a while for the next of
 * the same module; so there are never more than jobs run at once. They do not keep this process alive, and end with it.
 */
export class IsolationPool implements Isolation {
  readonly #clock: Clock;
  readonly #launch: Launch;
  readonly #idle = new Map<string, Idle[]>();
  readonly #all = new Set<Vessel>();

  constructor(clock: Clock, launch: Launch) {
    this.#clock = clock;
    this.#launch = launch;
  }

  async run(
    job: ClaimedJob,
    where: IsolateSettings,
    context: IsolatedJobContext,
  ): Promise<unknown> {
    const key = `${where.in} ${where.memoryMb} ${where.module}`;
    const vessel = this.#take(key, where);
    try {
      const end = await this.#runOn(vessel, job, where, context);
      return resultOf(end, context.signal);
    } finally {
      // Of one that was told to end nobody knows what goes on in it.
      if (context.signal.aborted) vessel.kill();
      else this.#keep(key, vessel);
    }
  }

  /** Ends those without a job: what would bring the next one has gone. */
  rest(): void {
    for (const list of this.#idle.values()) for (const { vessel } of list) vessel.kill();
  }

  /** Ends every vessel, also those that run a job. */
  close(): void {
    for (const vessel of this.#all) vessel.kill();
  }

  /** Rejects when the vessel ends before the handler has; it is then gone. */
  #runOn(
    vessel: Vessel,
    job: ClaimedJob,
    where: IsolateSettings,
    { signal, logger, progress }: IsolatedJobContext,
  ): Promise<IsolatedEnd> {
    const { promise, resolve, reject } = Promise.withResolvers<IsolatedEnd>();
    let stopTimer = () => {};
    const abort = () => {
      const { code, message } = signal.reason as MillraceError;
      vessel.send({ type: 'abort', code, message });
      stopTimer = this.#clock.after(where.killAfterMs, () => vessel.kill());
    };
    const onMessage = (message: FromIsolate) => {
      if (message.type === 'ended') resolve(message.end);
      else if (message.type === 'progress')
        progress(message.progress.percent, message.progress.note ?? undefined);
      else logger[message.level](message.details, message.message);
    };
    const onEnd = (end: VesselEnd) => reject(signal.aborted ? signal.reason : died(where.in, end));
    const deafen = vessel.listen(onMessage, onEnd);
    vessel.send({ type: 'run', module: where.module, job });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
    return promise.finally(() => {
      stopTimer();
      signal.removeEventListener('abort', abort);
      deafen();
    });
  }

  #take(key: string, where: IsolateSettings): Vessel {
    for (;;) {
      const idle = this.#idle.get(key)?.pop();
      if (idle === undefined) break;
      idle.stopTimer();
      if (!idle.vessel.isAlive) continue;
      idle.vessel.keepAlive(true);
      return idle.vessel;
    }
    const vessel = this.#launch[where.in](where.memoryMb);
    this.#all.add(vessel);
    vessel.listen(
      () => {},
      () => {
        this.#all.delete(vessel);
        const list = this.#idle.get(key);
        const at = list?.findIndex((each) => each.vessel === vessel) ?? -1;
        if (at >= 0) list?.splice(at, 1)[0]?.stopTimer();
      },
    );
    return vessel;
  }

  #keep(key: string, vessel: Vessel): void {
    if (!vessel.isAlive) return;
    vessel.keepAlive(false);
    const stopTimer = this.#clock.after(idleMs, () => vessel.kill());
    this.#idle.set(key, [...(this.#idle.get(key) ?? []), { vessel, stopTimer }]);
  }
}

function resultOf(end: IsolatedEnd, signal: AbortSignal): unknown {
  if ('returned' in end) return end.returned;
  // A value that no JSON carries, as the result was: it is dropped and reported in the same way.
  if ('unkept' in end) return Symbol(end.unkept);
  if ('obeyed' in end) throw signal.reason;
  if ('failed' in end) throw errorOf(end.failed);
  const { asked } = end;
  if (asked.type !== 'retryAfter') return new OutcomeError(asked, '');
  return new OutcomeError({ ...asked, reason: errorOf(asked.reason as AttemptError) }, '');
}

/** The error as the handler threw it, as far as it could leave its vessel. */
function errorOf({ name, message, stack, code, cause }: AttemptError): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: errorOf(cause) });
  return Object.assign(error, { name, stack, ...(code !== undefined && { code }) });
}

function died(where: IsolateSettings['in'], { how, cause }: VesselEnd): MillraceError {
  const message = `the ${where} of the job ended ${how}`;
  return new MillraceError('MILLRACE_ISOLATE_DIED', message, { cause });
}
