import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { EventName, MillraceEvent } from 'millrace';
import type { Tuning } from '../../packages/millrace/src/core/tuning.ts';
import { compileCache } from './compile-cache.ts';
import type { HistoryLog } from './history-log.ts';
import { turnedAway } from './turned-away.ts';
import { until } from './until.ts';

const script = fileURLToPath(new URL('../fixtures/worker.ts', import.meta.url));

/** What a worker process is to be. */
export interface WorkerConfig {
  readonly url: string;
  readonly directUrl?: string;
  /** The network namespace that it lives in. */
  readonly namespace?: string;
  /** The file that its handlers log to. */
  readonly logFile: string;
  readonly tuning: Tuning;
  /** How many workers share the process. Default 1. */
  readonly workers?: number;
  /** A scheduler that runs beside them, and fires nothing or what `ticking` says. */
  readonly scheduler?: 'idle' | 'ticking';
  /** Of each worker; default as in `createWorker`. */
  readonly concurrency?: number;
  readonly queues?: readonly string[];
  readonly stopGraceMs?: number;
  /** Whether what the engine logs as an error is printed. Default true. */
  readonly logsErrors?: boolean;
  /** Whether one of its jobs may end it. */
  readonly mayDie?: boolean;
  /** Whether it migrates the database before it works. */
  readonly migrates?: boolean;
  /** By how much its clock, the time of day, differs from that of everybody else. */
  readonly clockAheadMs?: number;
  /** Whether all that tells of what happens is plugged in, and asked for twice a second. */
  readonly telemetry?: boolean;
  /** The events to report. */
  readonly events?: readonly EventName[];
}

export type ToWorker = { readonly type: 'let go' | 'stop scheduling' };

export type FromWorker =
  | { readonly type: 'migrated'; readonly names: readonly string[] }
  | { readonly type: 'ready' }
  | { readonly type: 'stopping' }
  | { readonly type: 'unscheduled' }
  /** A handler of one of the long kinds began; of `transactional`, and has made its writes. */
  | {
      readonly type: 'began';
      readonly job: string;
      readonly kind: string;
      readonly attempt: number;
    }
  | { readonly type: 'aborted'; readonly job: string; readonly code: string }
  | { readonly type: 'event'; readonly event: MillraceEvent };

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

type EventData<Name extends EventName> = Extract<MillraceEvent, { name: Name }>['data'];

/** Many processes that start at once, on a machine that is busy besides, take this long. */
const slowStartMs = 60_000;

/** Whatever happens to the tests, no worker process outlives them. */
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** A real process that runs jobs. Use `await using`, so that it ends with the test. */
export class WorkerProcess implements AsyncDisposable {
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #log: HistoryLog;
  readonly #heard: FromWorker[] = [];
  #stderr = '';
  readonly #mayDie: boolean;
  #mayEnd: boolean;

  /** Starts it and waits for nothing. */
  constructor(config: Omit<WorkerConfig, 'logFile'>, log: HistoryLog) {
    const whole: WorkerConfig = { ...config, logFile: log.file };
    const node = ['--conditions=@millrace/source'];
    const child = fork(script, [JSON.stringify(whole)], {
      ...(config.namespace === undefined
        ? { execArgv: node }
        : {
            execPath: 'ip',
            execArgv: ['netns', 'exec', config.namespace, process.execPath, ...node],
          }),
      env: { PATH: process.env['PATH'], ...compileCache },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    alive.add(child);
    child.on('message', (message: FromWorker) => this.#heard.push(message));
    child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.#child = child;
    this.#mayDie = config.mayDie ?? false;
    this.#mayEnd = this.#mayDie;
    this.#log = log;
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        alive.delete(child);
        this.#log.write({ what: 'died', process: this.pid });
        resolve({ code, signal });
      });
    });
  }

  /** Resolves when its workers run. */
  async ready(): Promise<void> {
    await this.waitFor('its workers run', () => this.#isReady);
  }

  /**
   * Waits until its workers run. Answers false when it ended before: it may, as it was started while its database was
   * away, or one of its first jobs may have ended it.
   */
  async readyUnlessTurnedAway(): Promise<boolean> {
    this.#mayEnd = true;
    const isSettled = () => this.#isReady || this.#hasEnded;
    await until('its workers run', isSettled, undefined, slowStartMs);
    this.#mayEnd = this.#mayDie || (!this.#isReady && (await this.exit).code === turnedAway);
    this.check();
    return this.#isReady;
  }

  get #isReady(): boolean {
    return this.#heard.some(({ type }) => type === 'ready');
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('The worker process could not be started.');
    return pid;
  }

  /** What it has printed as errors. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Whether it has ended although nobody asked it to. */
  get isLost(): boolean {
    return this.#hasEnded && !this.#mayEnd;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves when SIGTERM has reached its workers. */
  async stopping(): Promise<void> {
    await this.waitFor('its workers stop', () =>
      this.#heard.some(({ type }) => type === 'stopping'),
    );
  }

  /** The migrations that it has applied. */
  get migrated(): string[] {
    return this.#heard.flatMap((message) => (message.type === 'migrated' ? message.names : []));
  }

  /** The ids of the jobs whose handlers have begun, in order. */
  get began(): string[] {
    return this.#heard.flatMap((message) => (message.type === 'began' ? [message.job] : []));
  }

  /** The code of what aborted the handlers' signals, by job. */
  get aborted(): Record<string, string> {
    const of = (message: FromWorker) =>
      message.type === 'aborted' ? [[message.job, message.code] as const] : [];
    return Object.fromEntries(this.#heard.flatMap(of));
  }

  /** The events of this name that were reported, in order. */
  events<Name extends EventName>(name: Name): EventData<Name>[] {
    return this.#heard.flatMap((message) =>
      message.type === 'event' && message.event.name === name
        ? [message.event.data as EventData<Name>]
        : [],
    );
  }

  /** @throws Error with its last words when it has ended although nobody asked it to. */
  check(): void {
    if (!this.isLost) return;
    const { exitCode, signalCode } = this.#child;
    const how = signalCode ?? `exit code ${exitCode}`;
    throw new Error(`A worker process ended by ${how}: ${this.#stderr}`);
  }

  /** Waits for a condition; fails at once when the process ends before. */
  async waitFor(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    await until(what, async () => (await condition()) || this.#hasEnded);
    if (await condition()) return;
    await this.exit;
    this.check();
    throw new Error(`It was not to be seen before the process ended that ${what}.`);
  }

  /** Waits until the handlers of these jobs have begun. */
  async waitForBegan(...jobs: readonly string[]): Promise<void> {
    await this.waitFor('the jobs run', () => jobs.every((job) => this.began.includes(job)));
  }

  /** Lets the jobs end that run until they are told, now and later ones. */
  letGo(): void {
    this.#child.send({ type: 'let go' } satisfies ToWorker);
  }

  /** Ends its scheduler; its workers go on. Resolves when it fires nothing any more. */
  async stopScheduling(): Promise<void> {
    this.#child.send({ type: 'stop scheduling' } satisfies ToWorker);
    await this.waitFor('its scheduler has ended', () =>
      this.#heard.some(({ type }) => type === 'unscheduled'),
    );
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') this.#mayEnd = true;
    this.#child.kill(signal);
  }

  /** Asks it to stop, as an operator would. */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    return this.exit;
  }

  /** Ends it wherever it is. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exit;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
