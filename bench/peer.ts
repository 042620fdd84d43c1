/** What every queue under measurement can do. One small file for each peer says how. */
import { existsSync } from 'node:fs';
import type pg from 'pg';

/** What a handler gets. `i` tells the jobs of a run apart. */
export interface Payload {
  readonly i: number;
  readonly data?: string | undefined;
}

export interface Job {
  readonly payload: Payload;
  /** One of the run's queues; default is the first. */
  readonly queue?: string;
  /** −2 to 2, higher first. */
  readonly priority?: number;
  readonly delayMs?: number;
  /** Of a kind that no worker of the run serves, in the lane of the others where a peer has lanes. */
  readonly foreign?: boolean;
}

/** Where a run happens, and what the peer has to know of it beforehand. */
export interface Place {
  /** Of a database, or of a Redis server, that is empty when the run begins. */
  readonly url: string;
  readonly config: string;
  readonly queues: readonly [string, ...string[]];
  /** Some handlers throw, or some jobs are delayed. */
  readonly irregular: boolean;
}

export interface Producer {
  enqueueMany(jobs: readonly Job[]): Promise<void>;
  enqueue(job: Job): Promise<void>;
  /** Enqueues in the open transaction of an application; undefined where a peer cannot. */
  readonly enqueueIn: ((client: pg.ClientBase, job: Job) => Promise<void>) | undefined;
  /** How many jobs have not been recorded as finished. */
  unfinished(): Promise<number>;
  close(): Promise<void>;
}

export interface ProducerOptions {
  readonly connections: number;
  /** Workers may wait for a notification. Only hand-written SQL makes a difference of it. */
  readonly wake: boolean;
}

/** Runs one job; throws when the attempt is to fail. */
export type Handle = (payload: Payload) => void | Promise<void>;

export interface Watch {
  /** A claim brought jobs. */
  claimed(durationMs: number): void;
  /** A worker that had found nothing has work again. */
  awoke(): void;
}

export interface Working {
  stop(): Promise<void>;
}

export interface Config {
  /** For the reader of the results. */
  readonly about: string;
  /** The scenarios that it belongs to; default is all. */
  readonly only?: readonly string[];
  /** Gets a fifth of the jobs in the long drains. */
  readonly slow?: true;
}

export interface Peer {
  readonly configs: Readonly<Record<string, Config>>;
  /** The scenarios, or their variants, that it cannot take part in. */
  readonly lacks?: readonly string[];
  readonly store: 'postgres' | 'redis';
  /** The table that jobs wait in, and the channel of its notifications. */
  readonly table?: string;
  readonly channel?: string;
  prepare(place: Place): Promise<void>;
  /** Loads what a configuration needs before the clock of a worker starts. */
  load?(place: Place): Promise<unknown>;
  produce(place: Place, options: ProducerOptions): Promise<Producer>;
  /** Resolves when the worker looks for jobs. `watch` is there only where a scenario needs it, for it may cost time. */
  work(place: Place, handle: Handle, watch: Watch | undefined): Promise<Working>;
}

/** What all figures are compared with. */
export const reference = 'raw-update';
export const referenceConfig = 'default';

/** In the order of the tables. Those in `rivals/` need what `npm ci` installs in this folder. */
export const peerNames = [
  'millrace',
  'raw-update',
  'raw-delete',
  'graphile-worker',
  'pg-boss',
  'bullmq-pg',
  'bullmq-redis',
] as const;

/** The name is computed so that the root's checks do not follow it to packages that only this folder has. */
export async function loadPeer(name: string): Promise<Peer> {
  const file = ['peers', 'rivals']
    .map((folder) => new URL(`${folder}/${name}.ts`, import.meta.url))
    .find((url) => existsSync(url));
  if (file === undefined) throw new Error(`There is no peer ${name}.`);
  const { peer } = (await import(file.href)) as { peer: Peer };
  return peer;
}

/** Hands on an array in pieces. */
export function* pieces<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
