/** What a scenario works with: one run of one configuration of one peer, in an empty database. */
import type { Behaviour } from './behaviours.ts';
import { Fleet } from './fleet.ts';
import { nowMs } from './numbers.ts';
import type { Job, Peer, Place, Producer } from './peer.ts';
import { machineSeconds } from './processor-time.ts';
import type { Store } from './store.ts';
import { until } from './until.ts';

/** Figures by name. The unit stands last in the name; NaN is what cannot be told here. */
export type Metrics = Readonly<Record<string, number>>;

export type Sizes = Readonly<Record<string, number>>;

export interface Scenario<S extends Sizes = Sizes> {
  /** One sentence for the reader of the results. */
  readonly about: string;
  readonly sizes: S;
  /** Sizes with which it takes seconds. */
  readonly quick: S;
  /** Each runs in a database of its own; its name goes before those of its figures. */
  readonly variants?: readonly string[];
  readonly queues?: readonly [string, ...string[]];
  /** Those that it is about. Default: all. */
  readonly peers?: readonly string[];
  /** Handlers throw, or jobs are delayed. */
  readonly irregular?: boolean;
  /** The figures that are drawn. */
  readonly charts: readonly string[];
  run(bench: Bench, sizes: S, variant: string): Promise<Metrics>;
}

interface FleetOptions {
  readonly processes?: number;
  readonly behaviour?: Behaviour;
  readonly record?: boolean;
  readonly watch?: boolean;
  readonly target?: number;
}

const batchOfLoads = 50_000;
const slowShare = 0.2;

export interface BenchParts {
  readonly peerName: string;
  readonly peer: Peer;
  readonly place: Place;
  readonly store: Store;
}

export class Bench {
  readonly peer: Peer;
  readonly place: Place;
  readonly store: Store;
  readonly #peerName: string;

  constructor({ peerName, peer, place, store }: BenchParts) {
    this.#peerName = peerName;
    this.peer = peer;
    this.place = place;
    this.store = store;
  }

  /** Fewer jobs for peers that would need minutes. */
  fair(jobs: number): number {
    const slow = this.peer.configs[this.place.config]?.slow === true;
    return slow ? Math.ceil(jobs * slowShare) : jobs;
  }

  async producer(options: { connections?: number; wake?: boolean } = {}): Promise<Owned> {
    const { connections = 10, wake = true } = options;
    const producer = await this.peer.produce(this.place, { connections, wake });
    return Object.assign(producer, { [Symbol.asyncDispose]: () => producer.close() });
  }

  /** Processes that have loaded their code; `go()` sets them to work. */
  fleet(options: FleetOptions = {}): Promise<Fleet> {
    const {
      processes = 1,
      behaviour = 'noop',
      record = false,
      watch = false,
      target = 0,
    } = options;
    const { place } = this;
    const task = { peer: this.#peerName, place, behaviour, record, watch, target };
    return Fleet.load(processes, task);
  }

  /** Enqueues jobs while nobody works. */
  async load(producer: Producer, jobs: number, job: (i: number) => Job = plainJob): Promise<void> {
    for (let from = 0; from < jobs; from += batchOfLoads) {
      const size = Math.min(batchOfLoads, jobs - from);
      await producer.enqueueMany(Array.from({ length: size }, (_, at) => job(from + at)));
    }
  }

  /** Waits until every job is recorded as finished; answers when. */
  async drained(producer: Producer): Promise<number> {
    await until('no job is left', async () => (await producer.unfinished()) === 0);
    return nowMs();
  }

  async meter(): Promise<Meter> {
    return new Meter(this.store, (await this.store.database?.walBytes()) ?? Number.NaN);
  }
}

type Owned = Producer & AsyncDisposable;

export const plainJob = (i: number): Job => ({ payload: { i } });

/** Whose processor time counts as the client's: seconds of worker processes, and this process if it enqueues. */
interface Clients {
  readonly workerSeconds?: number;
  readonly producing?: boolean;
}

/** What a stretch of a run costs. */
export class Meter {
  readonly beganMs = nowMs();
  readonly #store: Store;
  readonly #walBytes: number;
  readonly #serverSeconds: number;
  readonly #machineSeconds = machineSeconds();
  readonly #own = process.cpuUsage();

  constructor(store: Store, walBytes: number) {
    this.#store = store;
    this.#walBytes = walBytes;
    this.#serverSeconds = store.cpuSeconds();
  }

  get seconds(): number {
    return (nowMs() - this.beganMs) / 1000;
  }

  get serverSeconds(): number {
    return this.#store.cpuSeconds() - this.#serverSeconds;
  }

  /** Processor time and write-ahead log for each job, and what other work the machine had to do meanwhile. */
  async costs(jobs: number, { workerSeconds = 0, producing = false }: Clients): Promise<Metrics> {
    const { seconds, serverSeconds } = this;
    const machine = machineSeconds() - this.#machineSeconds;
    const { user, system } = process.cpuUsage(this.#own);
    const ownSeconds = (user + system) / 1e6;
    const clientSeconds = workerSeconds + (producing ? ownSeconds : 0);
    const walBytes = ((await this.#store.database?.walBytes()) ?? Number.NaN) - this.#walBytes;
    return {
      cpu_us_per_job: ((serverSeconds + clientSeconds) * 1e6) / jobs,
      server_cpu_us_per_job: (serverSeconds * 1e6) / jobs,
      client_cpu_us_per_job: (clientSeconds * 1e6) / jobs,
      wal_bytes_per_job: walBytes / jobs,
      other_cores: (machine - serverSeconds - ownSeconds - workerSeconds) / seconds,
    };
  }
}
