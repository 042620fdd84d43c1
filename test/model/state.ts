import { newRow, type Outcome, type Row } from './rows.ts';

/** One moment of everybody: the database, the processes, and the statements between them. Never changed, only replaced. */
export interface State {
  readonly jobs: readonly Held[];
  /** The table of those who are registered. */
  readonly registered: readonly Registration[];
  readonly tombstones: readonly { readonly no: number; readonly crashed: boolean }[];
  /** The locks that sessions hold; a session that its client has left behind ends when the server notices. */
  readonly locks: readonly Lock[];
  /** The highest number that an incarnation was given. */
  readonly drawn: number;
  readonly calls: readonly Call[];
  readonly workers: readonly Worker[];
  readonly observer: Observer;
  /** Rows that a rescue has found and not yet taken. */
  readonly orphans: readonly { readonly job: number; readonly lease: number }[];
  /** Incarnations that have died, where rescue is an event. */
  readonly deaths: readonly number[];
  /** How many more mishaps and interventions there may be. */
  readonly mishaps: number;
}

/** A row, and what no database knows: the process that it was really claimed by. */
export interface Held extends Row {
  readonly holder: number;
}

export interface Lock {
  readonly no: number;
  readonly process: number;
  readonly isLeft: boolean;
}

export interface Registration {
  readonly no: number;
  /** Whether its beat has moved since the observer read it, apart from the beats of those who are well. */
  readonly hasBeaten: boolean;
}

/** A process: what it knows and believes. */
export interface Worker {
  /** Different for every process that ever was. */
  readonly process: number;
  readonly life: 'up' | 'frozen' | 'dead';
  /** Thawed, and without a sign of life since. */
  readonly isLate: boolean;
  /** Whether the server can be reached. */
  readonly isConnected: boolean;
  /** The incarnation, 0 before the first, and the number of its last claim. */
  readonly no: number;
  readonly claims: number;
  readonly isInDoubt: boolean;
  /** The incarnation that it is about to become, or 0. */
  readonly next: number;
  /** Leases that its jobs may have been moved to by tries of unknown end. */
  readonly tried: readonly number[];
  readonly hands: readonly Hand[];
}

export interface Hand {
  readonly job: number;
  /** The lease that the job came under, and the one it is under now for all that the worker knows. */
  readonly claim: number;
  readonly lease: number;
  /** Null while the handler runs. */
  readonly outcome: Outcome | null;
}

/** A statement on its way. It goes on at the server also when nobody waits for its answer any more. */
export type Call = {
  readonly worker: number;
  readonly process: number;
  readonly isAwaited: boolean;
  readonly stage: 'sent' | 'moved' | 'done';
} & (Claim | Settle | Transfer);

export interface Claim {
  readonly type: 'claim';
  readonly no: number;
  readonly lease: number;
  /** Whether there was a tombstone when it was sent; in the answer, whether it was refused for that. */
  readonly dead: boolean;
  /** The job it took, or −1. */
  readonly job: number;
}

interface Settle {
  readonly type: 'settle';
  readonly job: number;
  readonly claim: number;
  readonly lease: number;
  readonly outcome: Outcome;
  readonly isWritten?: boolean;
}

interface Transfer {
  readonly type: 'transfer';
  readonly from: number;
  readonly to: number;
  readonly held: readonly Hand[];
  readonly moved: readonly number[];
}

/** Who judges the others, and what it has seen in its present session. */
export interface Observer {
  /** Those whose lock was free at its last look. */
  readonly free: readonly number[];
  /** Those whose lock it has not seen held: it may have been freed by what ended its own session before. */
  readonly unproven: readonly number[];
  readonly found: readonly { readonly no: number; readonly crashed: boolean }[];
}

export interface Size {
  readonly workers: number;
  readonly jobs: number;
  readonly mishaps: number;
}

export const newWorker = (process: number): Worker => ({
  process,
  life: 'up',
  isLate: false,
  isConnected: true,
  no: 0,
  claims: 0,
  isInDoubt: false,
  next: 0,
  tried: [],
  hands: [],
});

/** Everybody is registered. */
export function initial({ workers, jobs, mishaps }: Size): State {
  const numbers = Array.from({ length: workers }, (_, index) => index + 1);
  return {
    jobs: Array.from({ length: jobs }, () => ({ ...newRow, holder: 0 })),
    registered: numbers.map((no) => ({ no, hasBeaten: false })),
    tombstones: [],
    locks: numbers.map((no) => ({ no, process: no, isLeft: false })),
    drawn: workers,
    calls: [],
    workers: numbers.map((no) => ({ ...newWorker(no), no })),
    observer: { free: [], unproven: [], found: [] },
    orphans: [],
    deaths: [],
    mishaps,
  };
}

/** The same for states that nobody can tell apart: the order of statements under way means nothing, nor does the past. */
export function keyOf(state: State): string {
  const calls = state.calls.map((call) => JSON.stringify(call)).toSorted();
  const jobs = state.jobs.map((job) => [
    job.state,
    job.lease,
    job.attempt,
    job.crashes,
    job.cancelRequested,
    job.holder,
  ]);
  return JSON.stringify({ ...state, jobs, calls });
}
