/** Worker processes of one peer. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Behaviour } from './behaviours.ts';
import type { Place } from './peer.ts';
import { until } from './until.ts';

export interface FleetTask {
  readonly peer: string;
  readonly place: Place;
  readonly behaviour: Behaviour;
  /** Note when each job starts. */
  readonly record: boolean;
  /** Note what claims there are. */
  readonly watch: boolean;
  /** Note when so many jobs have ended, for a single process. */
  readonly target: number;
}

/** What a worker process has noted so far. Times are `nowMs()`. */
export interface Report {
  cpuSeconds: number;
  rssBytes: number;
  /** Before it connected. */
  beganMs: number;
  firstStartMs: number;
  targetMs: number;
  started: number;
  ended: number;
  awoke: number;
  /** i, time; i, time; … */
  readonly starts: number[];
  /** time, duration; time, duration; … */
  readonly claims: number[];
}

export type ToWorker = 'go' | 'report' | 'stop';
export type FromWorker =
  | { readonly type: 'loaded' | 'working' }
  | { readonly type: 'ended'; readonly jobs: number }
  | { readonly type: 'report'; readonly report: Report };

const file = fileURLToPath(new URL('worker.ts', import.meta.url));
const stopMs = 20_000;

const hasEndedError = () => new Error('A worker process has ended.');

class Member {
  readonly child: ChildProcess;
  ended = 0;
  readonly #seen = new Set<string>();
  #report = Promise.withResolvers<Report>();

  constructor(task: FleetTask) {
    this.child = fork(file, [JSON.stringify(task)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.child.on('message', (message: FromWorker) => this.#hear(message));
    // Whoever sends to it or waits for it hears so too.
    this.child.on('error', () => {});
    this.child.on('exit', () => this.#report.reject(hasEndedError()));
    this.#report.promise.catch(() => {});
  }

  #hear(message: FromWorker): void {
    if (message.type === 'ended') this.ended = message.jobs;
    else if (message.type === 'report') this.#report.resolve(message.report);
    else this.#seen.add(message.type);
  }

  heard(what: 'loaded' | 'working'): Promise<void> {
    return until(`a worker process is ${what}`, () => {
      if (this.hasEnded) throw hasEndedError();
      return this.#seen.has(what);
    });
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async report(): Promise<Report> {
    if (this.hasEnded) throw hasEndedError();
    this.#report = Promise.withResolvers<Report>();
    this.child.send('report' satisfies ToWorker);
    return this.#report.promise;
  }

  /** A peer that does not stop by itself is ended. */
  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.child, 'exit');
    const harder = setTimeout(() => this.child.kill('SIGKILL'), stopMs);
    this.child.send('stop' satisfies ToWorker);
    await ended;
    clearTimeout(harder);
  }

  async kill(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

export class Fleet implements AsyncDisposable {
  readonly #members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.#members = members;
  }

  /** The processes have loaded their code and wait for `go`. */
  static async load(processes: number, task: FleetTask): Promise<Fleet> {
    const fleet = new Fleet(Array.from({ length: processes }, () => new Member(task)));
    await Promise.all(fleet.#members.map((member) => member.heard('loaded')));
    return fleet;
  }

  /** Tells all processes to connect and work. */
  go(): void {
    for (const { child } of this.#members) child.send('go' satisfies ToWorker);
  }

  async working(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.heard('working')));
  }

  /** How many handlers have ended without throwing, some milliseconds ago. */
  get ended(): number {
    return this.#members.reduce((sum, { ended }) => sum + ended, 0);
  }

  async haveEnded(jobs: number, timeoutMs?: number): Promise<void> {
    await until(
      `${jobs} handlers have ended`,
      () => {
        if (this.#members.some(({ hasEnded }) => hasEnded)) throw hasEndedError();
        return this.ended >= jobs;
      },
      timeoutMs,
    );
  }

  reports(): Promise<Report[]> {
    return Promise.all(this.#members.map((member) => member.report()));
  }

  async cpuSeconds(): Promise<number> {
    return (await this.reports()).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  }

  async kill(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }
}

/** Pairs from a flat list. */
export function pairs(flat: readonly number[]): (readonly [number, number])[] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [
    flat[2 * at] ?? Number.NaN,
    flat[2 * at + 1] ?? Number.NaN,
  ]);
}
