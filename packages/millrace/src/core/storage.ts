/**
 * The port to the database, in the verbs of the domain. Everything that the engine knows of PostgreSQL stands behind it.
 * Every write about a claimed job names the lease it was claimed under.
 */
import type { ProgressReport } from './progress.ts';
import type { EnqueueResult } from './enqueue.ts';
import type { JobRef } from './events.ts';
import type { ClaimedJob, Job, LogLine, JobMeta, JobPolicy, JobState } from './job.ts';
import type { Json } from './json.ts';
import type { Settlement } from './lifecycle.ts';
import type { JobFinder } from './operator/job-search.ts';
import type { JobOperator } from './operator/job-verbs.ts';
import type { JobClaimer } from './operator/run.ts';
import type { Executor, IsolationLevel, Transaction, TransactionSource } from './transaction.ts';

/** A job about to be stored. */
export interface NewJob {
  readonly kind: string;
  readonly queue: string;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly payload: Json;
  /** Which version of the definition made the payload. Default: 1. */
  readonly payloadVersion?: number;
  readonly meta: JobMeta;
  readonly policy: JobPolicy;
  readonly uniqueKey: string | undefined;
  /** From now, by the database's clock; not together with `scheduledAt`. */
  readonly delayMs: number | undefined;
  readonly scheduledAt: Date | undefined;
}

/** Who a process is to the others. `no` is random, and never used twice while anybody could remember it. */
export interface Identity {
  readonly no: number;
  readonly boot: string;
  readonly role: 'worker' | 'scheduler';
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly kinds: readonly string[];
  /** The newest payload version that it knows of each kind; without it, it takes any. */
  readonly versions?: readonly number[];
  readonly queues: readonly string[];
  readonly schedules: readonly string[];
  /** How many jobs run there at once; only workers say so. */
  readonly concurrency?: number;
}

/** What a claim is to look for. */
export interface ClaimRequest {
  readonly worker: number;
  readonly lease: string;
  readonly kinds: readonly string[];
  /** The newest payload version known of each of these kinds; newer ones stay for others. Default: 1 each. */
  readonly versions?: readonly number[];
  /** How many jobs of each queue at most; all together at most `limit`. */
  readonly queues: readonly { readonly queue: string; readonly limit: number }[];
  readonly limit: number;
  /**
   * Whether to look also for what the usual way passes by, and to say when the next job becomes due. `rationed`: it is a good
   * time, for there was less to do than there could have been, but it must not cost more than a small share of the time.
   */
  readonly everywhere: 'no' | 'rationed' | 'yes';
  /** Completions that are written in the same statement and by the same commit. */
  readonly completed: readonly Completion[];
}

export interface ClaimAnswer {
  readonly jobs: readonly ClaimedJob[];
  /** About how many bytes came over the connection for them. */
  readonly bytes: number;
  /** True when the worker has been declared dead and must take a new identity. */
  readonly dead: boolean;
  /** Milliseconds until the next job of these queues becomes due, where `everywhere` asked and found none; else null. */
  readonly dueInMs: number | null;
  /** Those of its queues that are paused: of them nothing was taken. */
  readonly paused: readonly string[];
  /** What became of those completions that this statement did not write. */
  readonly unwritten: readonly SettleAnswer[];
}

/** A settlement of one claimed job. */
export interface SettleRequest {
  readonly id: string;
  readonly lease: string;
  readonly settlement: Settlement;
  /** What the handler logged, where it is to be kept. */
  readonly logs?: readonly LogLine[] | null;
}

/** The settlement of most jobs: it completed. */
export interface Completion extends SettleRequest {
  readonly settlement: Extract<Settlement, { type: 'finish' }> & { readonly state: 'completed' };
}

/**
 * `written`: done, and this is the state now (a request to cancel may have turned a retry into `cancelled`). `already`:
 * an earlier try had been written although its answer was lost. `busy`: somebody holds the row; try again. `lost`: the
 * job has moved on.
 */
export type SettleAnswer =
  | { readonly id: string; readonly status: 'written'; readonly state: JobState }
  | { readonly id: string; readonly status: 'already' | 'busy' | 'lost' };

/** A job in hand, named for a change of lease. */
export interface Held {
  readonly id: string;
  readonly lease: string;
}

/** What came of a request to cancel. */
export type CancelAnswer =
  | { readonly status: 'cancelled' | 'requested' | 'finished'; readonly state: JobState }
  | { readonly status: 'missing' | 'busy' };

/** What came of a request to run a job now, or again. */
export type RetryAnswer =
  | { readonly status: 'available'; readonly from: JobState }
  | { readonly status: 'running' | 'missing' | 'busy' };

/** A schedule as its process knows it. */
export interface ScheduleClaim {
  readonly name: string;
  readonly kind: string;
  readonly spec: string;
  /** Fire when the first scheduler starts, and count from then. */
  readonly runOnStart: boolean;
}

/** A schedule as the database knows it. Times in milliseconds since 1970. */
export interface StoredSchedule {
  readonly name: string;
  readonly kind: string;
  readonly spec: string;
  readonly anchorMs: number;
  readonly lastFireMs: number;
  readonly nowMs: number;
  /** It fires nothing until somebody resumes it. */
  readonly paused: boolean;
}

/** A job that was taken from a dead worker. */
export interface RescuedJob {
  readonly id: string;
  readonly kind: string;
  readonly queue: string;
  readonly attempt: number;
  readonly state: JobState;
}

/** A death that would quarantine a job, if it was the end of the process. */
export interface DoubtedDeath {
  readonly no: number;
  /** The process; null when it was declared dead by a release that did not say. */
  readonly boot: string | null;
}

/** What is known of processes whose incarnations are dead. */
export interface KnownEnds {
  /** Incarnations whose process has surely ended. */
  readonly ended: readonly number[];
  /** Those whose process lives: it lost its session, and came back. */
  readonly living: readonly number[];
}

/** What a rescue came to. */
export interface RescueAnswer {
  readonly rescued: readonly RescuedJob[];
  /** Rows that somebody holds. */
  readonly busy: number;
  /** Deaths because of which a job waits. */
  readonly doubted: readonly DoubtedDeath[];
}

/** An event loop that stands still. */
export interface Block {
  /** By the database's clock, as ISO 8601. */
  readonly since: string;
  /** The jobs whose handlers run on it. */
  readonly jobs: readonly JobRef[];
}

/**
 * A registered process as the others see it. `mode`: whether it holds a lock while its session lives, or only has its
 * heartbeat. The beat only grows.
 */
export interface Sighting {
  readonly no: number;
  readonly boot: string;
  readonly role: 'worker' | 'scheduler';
  readonly mode: 'session' | 'heartbeat';
  readonly host: string;
  readonly pid: number;
  readonly beat: string;
  readonly locked: boolean;
  readonly blocked: Block | null;
}

/** A look at everybody, and the session it was taken in: after a break in it, what was seen before proves less. */
export interface Look {
  readonly session: unknown;
  readonly sightings: readonly Sighting[];
}

/** A notification that reached this process. */
export type Notice =
  | { readonly type: 'jobs'; readonly queue: string }
  /** The queue is paused from now on. */
  | { readonly type: 'pause'; readonly queue: string }
  | { readonly type: 'cancel'; readonly id: string }
  | { readonly type: 'clock' };

/** Due jobs of one queue and kind that no worker would take. */
export interface UnservedJobs {
  readonly queue: string;
  readonly kind: string;
  /** The payload version, where workers handle the kind but know only older ones; else null. */
  readonly newerVersion: number | null;
  /** At least so many; only the first of each lane are looked at. */
  readonly jobs: number;
  /** How long the oldest of them has been due. */
  readonly oldestMs: number;
}

/** Whether notifications arrive. While they do not, polling goes on. */
export type ListenerState = 'ready' | { readonly lost: unknown };

/** A claimed job's own transaction. */
export interface JobTransaction {
  /** What the handler gets. */
  readonly tx: unknown;
  /** Calls the handler where its transaction's context holds. */
  within<T>(handler: () => T): T;
  /** Writes the settlement in this transaction and commits both; on anything but `written` rolls back. */
  settleAndCommit(request: SettleRequest): Promise<SettleAnswer>;
  rollback(): Promise<void>;
}

/** A migration that the database does not have yet, as SQL that can be run by hand in one transaction. */
export interface PendingMigration {
  readonly name: string;
  readonly sql: string;
}

/** What became of a job that was to be stored. `notified`: see the event `job:enqueued`. */
export interface StoredJob extends EnqueueResult {
  readonly notified: boolean | null;
}

export interface Storage {
  /** Brings the schema to this release. Answers with the names of what was applied. */
  migrate(): Promise<readonly string[]>;
  /** What `migrate` would apply; changes nothing. */
  pendingMigrations(): Promise<readonly PendingMigration[]>;
  /** @throws MILLRACE_SCHEMA_MISSING, MILLRACE_SCHEMA_OUTDATED, MILLRACE_SCHEMA_TOO_NEW, MILLRACE_DB_… */
  verify(): Promise<void>;

  enqueue(jobs: readonly NewJob[], on?: Executor): Promise<StoredJob[]>;
  /** Brings a user's handle to the common shape. @throws MILLRACE_TX_INVALID, MILLRACE_TX_NOT_OPEN */
  executorOf(handle: unknown): Executor;
  transaction<T>(isolation: IsolationLevel, body: (tx: Transaction) => Promise<T>): Promise<T>;

  get(id: string, attemptsShown: number): Promise<Job | null>;
  cancel(id: string, reason: string, on?: Executor): Promise<CancelAnswer>;
  retry(id: string, on?: Executor): Promise<RetryAnswer>;

  /** What operators find jobs by, and act on them with. */
  readonly finder: JobFinder;
  readonly operator: JobOperator;

  /** The one session that the workers and schedulers of this process share. */
  session(): WorkSession;

  /** How many are open: the engine's own, and those of the pool. */
  connections(): { readonly engine: number; readonly pool: number };

  /** Connections that are open for good end; running calls are awaited. */
  close(): Promise<void>;
}

/** What a worker, a scheduler and maintenance do, on connections that handlers never use. */
export interface WorkSession extends JobClaimer {
  /**
   * Opens its connection ahead of the first call, which would open it too.
   * @throws MILLRACE_DB_…
   */
  open(): Promise<void>;
  /** False when the number is taken: draw another one. */
  register(identity: Identity): Promise<boolean>;
  /**
   * A sign of life, which also says which job runs alone in the process, if any does, and how many run. False when this identity has been
   * declared dead.
   */
  beat(no: number, alone: string | null, running?: number): Promise<boolean>;
  /** A sign of life by another way than the session, for the time in which it is lost. */
  stamp(no: number): Promise<void>;
  /** Calls back when the session is lost on which these identities live; answers with a function that ends it. */
  onLost(callback: () => void): () => void;
  /** Moves what is really in hand to a new lease and declares the old identity dead. Answers with the ids that moved. */
  transfer(request: {
    readonly held: readonly Held[];
    readonly lease: string;
    readonly from: number;
    readonly reason: string;
  }): Promise<readonly string[]>;
  unregister(no: number): Promise<void>;
  /** Lets everybody know which of its kinds the worker leaves out of its claims at present. */
  holdKinds(no: number, kinds: readonly string[]): Promise<void>;

  claim(request: ClaimRequest): Promise<ClaimAnswer>;
  settle(requests: readonly SettleRequest[]): Promise<SettleAnswer[]>;
  /** Says how far running jobs have come; jobs that are no longer under their lease are passed by. */
  reportProgress(reports: readonly ProgressReport[]): Promise<void>;
  /** The ids among these that are still claimed under these leases. */
  holds(held: readonly Held[]): Promise<readonly string[]>;
  /** The ids among these whose cancelling has been requested. */
  cancelRequests(
    ids: readonly string[],
  ): Promise<readonly { readonly id: string; readonly reason: string }[]>;
  /** From now on whoever makes a job of these queues ready sends a notification. The claim after it finds what was before. */
  wait(worker: number, queues: readonly string[]): Promise<void>;
  /** Nobody needs to send notifications for this worker. */
  endWait(worker: number): Promise<void>;
  /** Begins a transaction for a claimed job: on a connection of its own, or one of the user's library. */
  begin(from: IsolationLevel | TransactionSource<unknown>): Promise<JobTransaction>;

  /** Calls back for every notification until stopped; `onState` hears when the channel is lost and when it is back. */
  listen(
    onNotice: (notice: Notice) => void,
    onState: (state: ListenerState) => void,
  ): { stop(): Promise<void> };

  /**
   * Registers a scheduler and writes the schedules that it knows, unless a process that started later has written others.
   * `starting`: whether `runOnStart` counts, as opposed to a new identity of a scheduler that ran all along. False when
   * the number is taken.
   */
  adoptSchedules(
    identity: Identity,
    schedules: readonly ScheduleClaim[],
    starting: boolean,
  ): Promise<boolean>;
  readSchedules(names: readonly string[]): Promise<readonly StoredSchedule[]>;
  /** Makes the job of one fire time, unless somebody has or the schedule is paused; answers with its id, or null. */
  fire(fire: {
    readonly name: string;
    readonly spec: string;
    readonly fireMs: number;
    readonly job: NewJob;
  }): Promise<string | null>;
  /** Lets missed fire times go. */
  letGo(name: string, spec: string, untilMs: number): Promise<void>;

  /** Who is registered. */
  look(): Promise<Look>;
  /** Declares identities dead, unless they have given a sign of life; answers with those that are dead now. */
  declareDead(
    found: readonly { readonly no: number; readonly beat: string; readonly crashed: boolean }[],
  ): Promise<readonly number[]>;
  /**
   * Gives the jobs of dead workers back, and quarantines those that have ended their process too often; rows that
   * somebody holds are left for the next call. So is a job that is to be quarantined, until the death of its worker is
   * known to be the end of its process.
   */
  rescue(known?: KnownEnds): Promise<RescueAnswer>;

  /** The queues and kinds of which jobs have been due for so long while no registered worker would take them. */
  unserved(dueForMs: number): Promise<readonly UnservedJobs[]>;

  /** Makes the partitions of the days ahead; answers with the names of the new ones. */
  createPartitions(): Promise<readonly string[]>;
  /** Drops what the retention no longer keeps; answers with the names. */
  dropPartitions(keep: {
    readonly completedMs: number;
    readonly failedMs: number;
  }): Promise<readonly string[]>;

  /** Ends the connections; a later call opens them again. */
  close(): Promise<void>;
}
