import { Random } from './random.ts';

/** What a storm is to be. */
export interface StormOptions {
  readonly seed: number;
  /** How long there are faults. */
  readonly seconds: number;
  /** How many worker processes there are. */
  readonly processes: number;
}

/** With seeds that have a promotion early, so that much can go wrong after it. */
export const stormsOfCi: readonly StormOptions[] = [
  { seed: 3, seconds: 20, processes: 5 },
  { seed: 4, seconds: 20, processes: 5 },
  { seed: 31, seconds: 20, processes: 5 },
];

/** What happens to a worker process. */
export const processFaults = [
  'process killed',
  'process killed',
  'frozen for less than the bound',
  'frozen for more than the bound',
  'cut off',
  'refused',
  'process stopped',
] as const;

/** What happens to the server. */
export const serverFaults = [
  'session terminated',
  'session terminated',
  'backend killed',
  'server stopped fast',
  'server stopped at once',
  'server killed',
  'promotion',
  'clock step',
  'clock step',
] as const;

export type ProcessFault = (typeof processFaults)[number];
export type ServerFault = (typeof serverFaults)[number];

/** One fault, after a pause, for so long. */
export interface Planned<Fault> {
  readonly pauseMs: number;
  readonly fault: Fault;
  readonly forMs: number;
  /** A place in whatever there is to choose from, from 0 up to 1. */
  readonly where: number;
}

/** A worker process, which is started again and again. */
export interface Place {
  readonly workers: number;
  readonly concurrency: number;
  readonly schedules: boolean;
  /** It serves the queue of short jobs alone, which it claims ahead. */
  readonly isQuick: boolean;
  /** Its connections go through a TCP proxy. */
  readonly isProxied: boolean;
}

export interface Plan extends StormOptions {
  readonly places: readonly Place[];
  /** What happens to worker processes: to those at the places of one lane one after the other. */
  readonly lanes: readonly {
    readonly places: readonly number[];
    readonly faults: readonly Planned<ProcessFault>[];
  }[];
  readonly server: readonly Planned<ServerFault>[];
}

/** A worker that is silent for so long is taken for dead. */
export const silentForMs = 2_000;

/** Longer than any process of the storm is frozen or refused. */
export const doubtMs = 6_000;

const laneCount = 2;

/** The faults of a storm. The same options give the same plan. */
export function planOf(options: StormOptions): Plan {
  const { seed, seconds, processes } = options;
  const random = new Random(seed, 'places');
  const places = Array.from({ length: processes }, (_, index) => ({
    workers: random.chance(0.3) ? 2 : 1,
    concurrency: random.between(3, 12),
    schedules: index < 2 || random.chance(0.3),
    isQuick: index % 3 === 1,
    isProxied: index % 3 !== 2,
  }));
  const lanes = Array.from({ length: laneCount }, (_, lane) => ({
    places: [...places.keys()].filter((place) => place % laneCount === lane),
    faults: planned(new Random(seed, `lane ${lane}`), processFaults, seconds, processFaultMs),
  }));
  const server = planned(new Random(seed, 'server'), serverFaults, seconds, serverFaultMs);
  return { ...options, places, lanes, server };
}

function planned<Fault>(
  random: Random,
  kinds: readonly Fault[],
  seconds: number,
  lasts: (fault: Fault, random: Random) => number,
): Planned<Fault>[] {
  const faults: Planned<Fault>[] = [];
  let atMs = 0;
  for (const fault of random.deals(kinds)) {
    const pauseMs = random.between(200, 1_800);
    const forMs = lasts(fault, random);
    atMs += pauseMs + forMs;
    if (atMs > seconds * 1_000) break;
    faults.push({ pauseMs, fault, forMs, where: random.fraction() });
  }
  return faults;
}

function processFaultMs(fault: ProcessFault, random: Random): number {
  switch (fault) {
    case 'frozen for less than the bound':
      return random.between(100, silentForMs - 500);
    case 'frozen for more than the bound':
      return random.between(silentForMs + 500, 2 * silentForMs);
    case 'refused':
      return random.between(200, 2_500);
    case 'process killed':
    case 'process stopped':
    case 'cut off':
      return 0;
  }
}

function serverFaultMs(fault: ServerFault, random: Random): number {
  switch (fault) {
    case 'server stopped fast':
    case 'server stopped at once':
    case 'server killed':
    case 'promotion':
      return random.between(0, 1_500);
    case 'session terminated':
    case 'backend killed':
    case 'clock step':
      return 0;
  }
}
