import type { ChildProcess } from 'node:child_process';
import type { Clock } from '../core/clock.ts';
import { MillraceError, type ErrorCode } from '../core/errors.ts';
import type { IsolatedJobContext, IsolateSettings, Isolation } from '../core/isolation.ts';
import type { AttemptError, ClaimedJob } from '../core/job.ts';
import { OutcomeError } from '../core/outcome.ts';
import type { FromProcess, IsolatedEnd, ToProcess } from './messages.ts';

/** A process without a job ends after this long. */
const idleMs = 30_000;

interface Idle {
  readonly child: ChildProcess;
  readonly stopTimer: () => void;
}

/**
 * Processes that run one job at a time each. One that has ended a job well is kept for a while for the next of the same
 * module; so there are never more than jobs run at once. They do not keep this process alive, and end with it.
 */
export class ProcessPool implements Isolation {
  readonly #clock: Clock;
  readonly #fork: (memoryMb: number) => ChildProcess;
  readonly #idle = new Map<string, Idle[]>();
  readonly #all = new Set<ChildProcess>();

  constructor(parts: { clock: Clock; fork: (memoryMb: number) => ChildProcess }) {
    this.#clock = parts.clock;
    this.#fork = parts.fork;
  }

  async run(
    job: ClaimedJob,
    where: IsolateSettings,
    context: IsolatedJobContext,
  ): Promise<unknown> {
    const key = `${where.memoryMb} ${where.module}`;
    const child = this.#take(key, where.memoryMb);
    try {
      const end = await this.#runOn(child, job, where, context);
      return resultOf(end, context.signal);
    } finally {
      // Of one that was told to end nobody knows what goes on in it.
      if (context.signal.aborted) child.kill('SIGKILL');
      else this.#keep(key, child);
    }
  }

  /** Ends every process, also those that run a job. */
  close(): void {
    for (const child of this.#all) child.kill('SIGKILL');
  }

  /** Rejects when the process ends before the handler has; it is then gone. */
  #runOn(
    child: ChildProcess,
    job: ClaimedJob,
    where: IsolateSettings,
    { signal, logger }: IsolatedJobContext,
  ): Promise<IsolatedEnd> {
    const { promise, resolve, reject } = Promise.withResolvers<IsolatedEnd>();
    let stopTimer = () => {};
    const abort = () => {
      const { code, message } = signal.reason as MillraceError;
      tell(child, { type: 'abort', code, message });
      stopTimer = this.#clock.after(where.killAfterMs, () => child.kill('SIGKILL'));
    };
    const onMessage = (message: FromProcess) => {
      if (message.type === 'ended') resolve(message.end);
      else logger[message.level](message.details, message.message);
    };
    const onExit = (code: number | null, killedBy: NodeJS.Signals | null) =>
      reject(signal.aborted ? signal.reason : died(code, killedBy, where));
    const onError = (error: Error) =>
      reject(
        new MillraceError('MILLRACE_ISOLATE_DIED', `its process: ${error.message}`, {
          cause: error,
        }),
      );
    child.on('message', onMessage).on('exit', onExit).on('error', onError);
    tell(child, { type: 'run', module: where.module, job });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
    return promise.finally(() => {
      stopTimer();
      signal.removeEventListener('abort', abort);
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
    });
  }

  #take(key: string, memoryMb: number): ChildProcess {
    for (;;) {
      const idle = this.#idle.get(key)?.pop();
      if (idle === undefined) break;
      idle.stopTimer();
      if (!idle.child.connected) continue;
      idle.child.ref();
      idle.child.channel?.ref();
      return idle.child;
    }
    const child = this.#fork(memoryMb);
    this.#all.add(child);
    // Without a listener an error event would end this process; the one of the job hears it as well.
    child.on('error', () => {});
    child.on('exit', () => {
      this.#all.delete(child);
      const list = this.#idle.get(key);
      const at = list?.findIndex((each) => each.child === child) ?? -1;
      if (at >= 0) list?.splice(at, 1)[0]?.stopTimer();
    });
    return child;
  }

  #keep(key: string, child: ChildProcess): void {
    if (!child.connected) return;
    child.unref();
    child.channel?.unref();
    const stopTimer = this.#clock.after(idleMs, () => child.kill('SIGKILL'));
    this.#idle.set(key, [...(this.#idle.get(key) ?? []), { child, stopTimer }]);
  }
}

/** A process that is gone is told of by its exit. */
function tell(child: ChildProcess, message: ToProcess): void {
  if (child.connected) child.send(message, () => {});
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

/** The error as the handler threw it, as far as it could leave its process. */
function errorOf({ name, message, stack, code, cause }: AttemptError): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: errorOf(cause) });
  return Object.assign(error, { name, stack, ...(code !== undefined && { code }) });
}

function died(
  code: number | null,
  killedBy: NodeJS.Signals | null,
  { memoryMb }: IsolateSettings,
): MillraceError {
  const how = killedBy === null ? `with exit code ${code}` : `by ${killedBy}`;
  const memory = killedBy === 'SIGABRT' ? `; it may have needed more than ${memoryMb} MiB` : '';
  const error: ErrorCode = 'MILLRACE_ISOLATE_DIED';
  return new MillraceError(error, `the process of the job ended ${how}${memory}`);
}
