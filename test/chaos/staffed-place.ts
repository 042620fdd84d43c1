import { setTimeout as sleep } from 'node:timers/promises';
import type { EventName } from 'millrace';
import { startFlakyProxy, type FlakyProxy } from '../helpers/flaky-proxy.ts';
import { brisk, type Fleet } from '../helpers/fleet.ts';
import type { Exit, WorkerProcess } from '../helpers/worker-process.ts';
import { queues } from './load.ts';
import { silentForMs, type Place, type ProcessFault } from './plan.ts';

const tuning = { ...brisk, silentForMs, graceMs: 2_000 };

const events: readonly EventName[] = ['worker:renewed', 'settle:refused', 'events:dropped'];

/** A place together with the worker process that is there now, and with those that were. */
export class StaffedPlace implements AsyncDisposable {
  readonly place: Place;
  readonly workers: WorkerProcess[] = [];
  /** How often a process could not start, because the server was away. */
  turnedAway = 0;
  readonly #fleet: Fleet;
  readonly #proxy: FlakyProxy | undefined;

  private constructor(fleet: Fleet, place: Place, proxy: FlakyProxy | undefined) {
    this.#fleet = fleet;
    this.place = place;
    this.#proxy = proxy;
  }

  static async staff(fleet: Fleet, place: Place): Promise<StaffedPlace> {
    const proxy = place.isProxied ? await startFlakyProxy(fleet.url) : undefined;
    const staffed = new StaffedPlace(fleet, place, proxy);
    await staffed.#start();
    return staffed;
  }

  /** The process that is there. */
  get worker(): WorkerProcess {
    const worker = this.workers.at(-1);
    if (worker === undefined) throw new Error('Nobody has been started here.');
    return worker;
  }

  /** @throws Error when the process has ended by itself before. */
  async strike(fault: ProcessFault, forMs: number): Promise<void> {
    this.worker.check();
    switch (fault) {
      case 'process killed':
        await this.worker.kill();
        return this.#start();
      case 'process stopped':
        await this.stop();
        return this.#start();
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

  /** Asks the process to stop, and sees to it that it does so in good order. */
  async stop(): Promise<Exit> {
    const exit = await this.worker.stop();
    if (exit.code !== 0 && exit.code !== 1)
      throw new Error(
        `SIGTERM ended a worker by ${exit.signal ?? exit.code}: ${this.worker.stderr}`,
      );
    return exit;
  }

  async #start(): Promise<void> {
    const { workers, concurrency, schedules } = this.place;
    const url = this.#proxy?.url ?? this.#fleet.url;
    const also = schedules && ({ scheduler: 'ticking' } as const);
    const options = { url, tuning, workers, concurrency, queues, events, ...also };
    for (;;) {
      const worker = this.#fleet.launch({ ...options, stopGraceMs: 500, logsErrors: false });
      if (await worker.readyUnlessTurnedAway()) return void this.workers.push(worker);
      this.turnedAway += 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy?.[Symbol.asyncDispose]();
  }
}
