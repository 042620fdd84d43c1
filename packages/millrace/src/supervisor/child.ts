import { fork, type ChildProcess } from 'node:child_process';
import type { Clock } from '../core/clock.ts';
import { pause } from '../core/clock.ts';
import type { Health } from '../core/health.ts';
import { supervisedVariable, type FromChild, type ToChild } from './messages.ts';

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
  readonly #process: ChildProcess;
  readonly #answers = new Map<number, (health: Health) => void>();
  #asked = 0;

  constructor(command: ChildCommand, clock: Clock, onUsage: (usage: ChildUsage) => void) {
    const { module, args, execArgv, env } = command;
    this.startedMs = clock.monotonicMs();
    this.#process = fork(module, [...args], {
      ...(execArgv !== undefined && { execArgv: [...execArgv] }),
      env: { ...env, [supervisedVariable]: '1' },
    });
    this.pid = this.#process.pid;
    const ready = Promise.withResolvers<boolean>();
    this.ready = ready.promise;
    this.#process.on('message', (message: FromChild) => {
      if (message.type === 'hello') this.boot = message.boot;
      if (message.type === 'usage') onUsage(message);
      if (message.type === 'done') this.givenBack = message.givenBack;
      if (message.type === 'answer') this.#answers.get(message.no)?.(message.health);
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
  async health(clock: Clock, withinMs: number): Promise<Health | undefined> {
    const no = ++this.#asked;
    const given = new AbortController();
    const answer = new Promise<Health>((resolve) => this.#answers.set(no, resolve));
    this.send({ type: 'ask', no });
    const late = pause(clock, withinMs, given.signal).then(() => undefined);
    const health = await Promise.race([answer, late, this.ended.then(() => undefined)]);
    given.abort();
    this.#answers.delete(no);
    return health;
  }
}
