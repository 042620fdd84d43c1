import { setTimeout as sleep } from 'node:timers/promises';
import type { EventName } from 'millrace';
import { startFlakyProxy, type FlakyProxy } from '../helpers/flaky-proxy.ts';
import { brisk, type Fleet } from '../helpers/fleet.ts';
import type { Exit, WorkerProcess } from '../helpers/worker-process.ts';
import { quickQueue, slowQueues } from './load.ts';
import { doubtMs, silentForMs, type Place, type ProcessFault } from './plan.ts';

const tuning = { ...brisk, silentForMs, graceMs: 2_000, doubtMs };

const events: readonly EventName[] = [
  'worker:renewed',
  'settle:refused',
  'settle:unknown',
  'events:dropped',
];

/** A place together with the worker process that is there now, and with those that were: whoever ends is replaced. */
export class StaffedPlace implements AsyncDisposable {
  readonly place: Place;
  readonly workers: WorkerProcess[] = [];
  /** How often a process could not start, because the server was away. */
  turnedAway = 0;
  readonly #fleet: Fleet;
  readonly #proxy: FlakyProxy | undefined;
  /** Resolves when whoever has ended is replaced. */
  #staffed: Promise<void>;
  #isClosing = false;

  private constructor(fleet: Fleet, place: Place, proxy: FlakyProxy | undefined) {
    this.#fleet = fleet;
    this.place = place;
    this.#proxy = proxy;
    this.#staffed = this.#start();
  }

  /** Resolves before somebody is there. */
  static async staff(fleet: Fleet, place: Place): Promise<StaffedPlace> {
    const proxy = place.isProxied ? await startFlakyProxy(fleet.url) : undefined;
    return new StaffedPlace(fleet, place, proxy);
  }

  /** The process that is there. */
  get worker(): WorkerProcess {
    const worker = this.workers.at(-1);
    if (worker === undefined) throw new Error('Nobody has been started here.');
    return worker;
  }

  /** Waits until somebody is there. @throws Error when one has ended who should not have. */
  ready(): Promise<void> {
    return this.#staffed;
  }

  async strike(fault: ProcessFault, forMs: number): Promise<void> {
    await this.ready();
    switch (fault) {
      case 'process killed':
        await this.worker.kill();
        return this.ready();
      case 'process stopped':
        await this.worker.stop();
        return this.ready();
      case 'frozen for less than the bound':
      case 'frozen for more than the bound':
        this.worker.signal('SIGSTOP');
        await sleep(forMs);
        return this.worker.signal('SIGCONT');
      case 'cut off':
        return this.#proxy?.cut();
      case 'refused':
        this.#proxy?.block();
        await sleep(forMs);
        return this.#proxy?.restore();
    }
  }

  /** Asks the process to stop, after which nobody is here any more. */
  async close(): Promise<Exit> {
    await this.ready();
    this.#isClosing = true;
    return this.worker.stop();
  }

  async #start(): Promise<void> {
    const { workers, concurrency, schedules, isQuick } = this.place;
    const url = this.#proxy?.url ?? this.#fleet.url;
    const queues = isQuick ? [quickQueue] : [quickQueue, ...slowQueues];
    const also = schedules && ({ scheduler: 'ticking' } as const);
    const options = { url, tuning, workers, concurrency, queues, events, ...also };
    const rest = { stopGraceMs: 500, logsErrors: false, mayDie: true };
    while (!this.#isClosing) {
      const worker = this.#fleet.launch({ ...options, ...rest });
      if (await worker.readyUnlessTurnedAway()) {
        this.workers.push(worker);
        void worker.exit.then((exit) => {
          this.#staffed = this.#replace(worker, exit);
          this.#staffed.catch(() => {});
        });
        return;
      }
      this.turnedAway += 1;
    }
  }

  /** It may be killed, by its jobs too, and otherwise ends in good order. */
  async #replace(worker: WorkerProcess, { code, signal }: Exit): Promise<void> {
    if (signal !== 'SIGKILL' && code !== 0 && code !== 1)
      throw new Error(`A worker ended by ${signal ?? code}: ${worker.stderr}`);
    if (!this.#isClosing) await this.#start();
  }

  /** Whoever is still here is left to the fleet. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await this.#proxy?.[Symbol.asyncDispose]();
  }
}
