import { fork, type ChildProcess } from 'node:child_process';
import type { Clock } from '../core/clock.ts';
import type { Health } from '../core/health.ts';
import { supervisedVariable, type FromChild, type MetricsJson, type ToChild } from './messages.ts';
import { Questions } from './questions.ts';

/** How to start a child. */
export interface ChildCommand {
  readonly module: string | URL;
  readonly args: readonly string[];
  readonly execArgv: readonly string[] | undefined;
  readonly env: NodeJS.ProcessEnv;
}

export interface ChildUsage {
  readonly rssBytes: number;
  readonly jobs: number;
}

/** One process, from its start to its end. */
export class Child {
  readonly pid: number | undefined;
  readonly startedMs: number;
  /** Resolves when it has ended, with how. */
  readonly ended: Promise<string>;
  /** Resolves with whether its services run; false when it ended before. */
  readonly ready: Promise<boolean>;
  isReady = false;
  hasEnded = false;
  isStopping = false;
  boot: string | undefined;
  /** Null until it has said so: it did not end in order. */
  givenBack: number | null = null;
  /** What it had counted when it ended in order. */
  counts: MetricsJson | undefined;
  readonly #process: ChildProcess;
  readonly #health: Questions<Health>;
  readonly #metrics: Questions<MetricsJson>;

  constructor(command: ChildCommand, clock: Clock, onUsage: (usage: ChildUsage) => void) {
    const { module, args, execArgv, env } = command;
    this.startedMs = clock.monotonicMs();
    this.#health = new Questions(clock);
    this.#metrics = new Questions(clock);
    this.#process = fork(module, [...args], {
      ...(execArgv !== undefined && { execArgv: [...execArgv] }),
      env: { ...env, [supervisedVariable]: '1' },
    });
    this.pid = this.#process.pid;
    const ready = Promise.withResolvers<boolean>();
    this.ready = ready.promise;
    this.#process.on('message', (message: FromChild) => {
      if (message.type === 'usage') onUsage(message);
      else this.#hear(message);
      if (message.type !== 'ready') return;
      this.isReady = true;
      ready.resolve(true);
    });
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.hasEnded = true;
        ready.resolve(false);
        resolve(how);
      };
      this.#process.once('exit', (code, signal) => {
        const how = signal ?? `exit code ${code}`;
        // Its last words may still be on their way.
        if (this.#process.connected) this.#process.once('disconnect', () => end(how));
        else end(how);
      });
      this.#process.on('error', (error) => {
        if (this.pid === undefined) end(error.message);
      });
    });
  }

  stop(now: boolean): void {
    this.isStopping = true;
    // One that has not joined yet has nothing to lose, and does not listen.
    if (this.boot === undefined) this.#process.kill('SIGTERM');
    else this.send({ type: 'stop', now });
  }

  send(message: ToChild): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  /** Its health, or undefined when it does not answer in time. */
  health(withinMs: number): Promise<Health | undefined> {
    const ask = (no: number): void => this.send({ type: 'ask health', no });
    return this.#health.ask(ask, { withinMs, end: this.ended });
  }

  /** What it counts and measures, or undefined when it does not answer in time. */
  metrics(withinMs: number): Promise<MetricsJson | undefined> {
    const ask = (no: number): void => this.send({ type: 'ask metrics', no });
    return this.#metrics.ask(ask, { withinMs, end: this.ended });
  }

  #hear(message: FromChild): void {
    if (message.type === 'hello') this.boot = message.boot;
    if (message.type === 'health') this.#health.answered(message.no, message.health);
    if (message.type === 'metrics') this.#metrics.answered(message.no, message.metrics);
    if (message.type !== 'done') return;
    this.givenBack = message.givenBack;
    this.counts = message.counts;
  }
}
