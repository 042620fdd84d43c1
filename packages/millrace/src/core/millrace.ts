/** The public face as types: what `createMillrace` takes and gives. */
import type { Duration } from './duration.ts';
import type { Enqueue, EnqueueMany } from './enqueue.ts';
import type { MillraceEvent } from './events.ts';
import type { Health } from './health.ts';
import type { Job } from './job.ts';
import type { AnyJobDefinition } from './job-definition.ts';
import type { FlagSource } from './flags.ts';
import type { Logger } from './logger.ts';
import type { Middleware } from './middleware.ts';
import type { Finding } from './operator/finding.ts';
import type { Grants } from './operator/grants.ts';
import type { PauseAnswer, PauseOptions, ResumeAnswer } from './operator/pauses.ts';
import type { Why } from './operator/why.ts';
import type { JobActivity, TailOptions } from './operator/activity.ts';
import type { Telemetry } from './telemetry.ts';
import type {
  QueueInfo,
  ScheduleInfo,
  SchedulePauseAnswer,
  ScheduleResumeAnswer,
  Stats,
  Workers,
} from './operator/overview.ts';
import type { JobPage } from './operator/job-search.ts';
import type { JobVerb, VerbAnswer } from './operator/job-verbs.ts';
import type {
  BulkFilter,
  BulkOptions,
  BulkResult,
  DiscardOptions,
  EditOptions,
  ListOptions,
  RescheduleOptions,
  VerbOptions,
} from './operator/options.ts';
import type { RunJobAnswer, RunJobOptions } from './operator/run.ts';
import type { Service } from './service.ts';
import type { CancelAnswer, PendingMigration, RetryAnswer } from './storage.ts';
import type { IsolationLevel, Transaction } from './transaction.ts';
import type { TransactionHandle } from './transaction-handles.ts';

/** The settings of a `pg` connection that Millrace looks at; every other setting of `pg` is passed on. */
export interface ConnectionConfig {
  readonly connectionString?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string | (() => string | Promise<string>);
  readonly database?: string;
  readonly ssl?: boolean | object;
  /** The most connections of the pool. Default 10. */
  readonly max?: number;
}

/** A pool of the `pg` package. */
export interface ConnectionPool {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  readonly totalCount: number;
  readonly options: object;
}

/** What `createMillrace` takes. */
export interface MillraceOptions {
  /** A connection string, the settings of a `pg` pool, or a `pg` Pool of yours. Default: the variable `DATABASE_URL`. */
  readonly connection?: string | ConnectionConfig | ConnectionPool | undefined;
  /** Goes to PostgreSQL itself where `connection` goes through a pooler such as PgBouncer. Default: `connection`. */
  readonly directConnection?: string | ConnectionConfig | undefined;
  /** The schema that holds Millrace's tables. Default `millrace`. */
  readonly schema?: string;
  /** Every definition that this application enqueues or runs. */
  readonly jobs?: readonly AnyJobDefinition[];
  /**
   * Stands around enqueueing and attempts of every definition, the first outermost; see `Middleware`. Every process of the
   * application needs the same. Default: none.
   */
  readonly use?: readonly Middleware[];
  /** Default: warnings and errors on the console. Pass `false` for silence. */
  readonly logger?: Logger | false;
  /** Where flags are decided, for `flag(…)` and the handlers' context. Default: every answer is the fallback. */
  readonly flags?: FlagSource | undefined;
  /** Default 1 MiB. */
  readonly payloadMaxBytes?: number;
  /** Default 64 KiB. */
  readonly resultMaxBytes?: number;
  /** How long completed jobs stay in the history. Default 7 days. */
  readonly completedRetention?: Duration;
  /** How long cancelled and discarded jobs stay in the history. Default 30 days. */
  readonly failedRetention?: Duration;
  /**
   * Runs once in each process that is to run jobs or schedules, before it opens its first connection for them: the place
   * to start tracing, feature flags and other things that every process needs of its own. What it throws is what `start`
   * of the worker or scheduler rejects with. A module that must be there before any other is loaded, as tracing may need,
   * goes into `node --import`, which the processes of a supervisor inherit.
   */
  readonly onProcessStart?: () => void | Promise<void>;
  /**
   * Keeps the last lines that a handler writes through `context.logger` with its attempt, whatever the logger's level. At most
   * 100 lines and 16 KiB by default. A job that logs costs a write of its own when it completes. Default false.
   */
  readonly captureLogs?: boolean | { readonly lines?: number; readonly bytes?: number };
}

/** What `createWorker` takes. */
export interface WorkerOptions {
  /** How many jobs run at the same time in this process. Default 10. */
  readonly concurrency?: number;
  /**
   * The queues to serve, as a list or with a limit for each in this process. Default: the queues that the served
   * definitions name.
   */
  readonly queues?: readonly string[] | Readonly<Record<string, { readonly concurrency?: number }>>;
  /** The definitions to serve, with their handlers. Default: those in `jobs` of createMillrace that have one. */
  readonly handlers?: readonly AnyJobDefinition[];
  /** How long running handlers may go on after `stop` before their signal aborts. Default 25 s. */
  readonly stopGrace?: Duration;
}

/** What `stop` of a worker takes. */
export interface StopOptions {
  /**
   * How long running handlers may go on before their signal aborts. Default: `stopGrace` of the worker. A later call may
   * shorten what an earlier one gave; 0 aborts them now.
   */
  readonly grace?: Duration;
}

/** How a worker ended. */
export interface WorkerStopped {
  /** Jobs that had begun, had not finished in time and were given back; no attempt was used. */
  readonly givenBack: number;
}

/** Runs jobs. */
export interface Worker extends Service, AsyncDisposable {
  /** Claims up to the free slots, runs what it got and settles it; answers with the number taken. A job's failure never rejects it. */
  tick(): Promise<number>;
  /** No new claims; running handlers get their grace, then the AbortSignal; what is left is given back. */
  stop(options?: StopOptions): Promise<WorkerStopped>;
  /**
   * Starts, stops at SIGTERM, SIGINT or when `signal` aborts, and resolves when it has stopped. A second SIGTERM or SIGINT
   * ends the grace. It never ends the process: whoever awaits it decides about the exit code.
   */
  run(options?: { readonly signal?: AbortSignal }): Promise<WorkerStopped>;
}

/** What `createScheduler` takes. */
export interface SchedulerOptions {
  /** The definitions whose schedules to fire. Default: `jobs` of createMillrace. */
  readonly jobs?: readonly AnyJobDefinition[];
}

/** Makes jobs of fire times. Any number may run. */
export interface Scheduler extends Service, AsyncDisposable {
  /** One pass: fires what is due; answers with the number of jobs made. */
  tick(): Promise<number>;
  /** Starts, stops at SIGTERM, SIGINT or when `signal` aborts, and resolves when it has stopped. */
  run(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** The one object of an application: enqueues, looks, makes workers and schedulers. */
export interface Millrace extends AsyncDisposable {
  /** The definitions it was made with, by kind. */
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  /**
   * Brings the database schema to this release; safe from many processes at once.
   * @returns the names of the migrations that it applied
   */
  migrate(): Promise<readonly string[]>;
  /** What `migrate` would apply, in order, with its SQL; changes nothing. */
  pendingMigrations(): Promise<readonly PendingMigration[]>;
  /** Checks that the database can be used by this release; throws the error that says what is wrong. */
  verify(): Promise<void>;
  /**
   * Runs `body` in a transaction: committed when it resolves, rolled back when it rejects.
   * @throws whatever `body` throws; MILLRACE_TX_SERIALIZATION when PostgreSQL could not serialize it
   */
  transaction<T>(
    body: (tx: Transaction) => Promise<T>,
    options?: { readonly isolation?: IsolationLevel },
  ): Promise<T>;
  /**
   * Enqueues one job.
   * @throws MILLRACE_PAYLOAD_INVALID, MILLRACE_PAYLOAD_NOT_JSON, MILLRACE_PAYLOAD_TOO_LARGE, MILLRACE_TX_NOT_OPEN, …
   */
  readonly enqueue: Enqueue;
  /** Enqueues many jobs, of any kinds: all or none. Answers in their order. An iterable is read in bounded memory. */
  readonly enqueueMany: EnqueueMany;
  /** The job with its last attempts, or null. */
  get(id: string): Promise<Job | null>;
  /**
   * A page of jobs, the newest first; with `finishedSince` or `finishedUntil` in the order of finishing. A search that
   * takes longer than `budget` stops: then the page is not full, and says how far it came and how to go on.
   */
  list(options?: ListOptions): Promise<JobPage>;
  /** Cancels a waiting job; asks a running one to stop through its AbortSignal; leaves a finished one as it is. */
  cancel(
    id: string,
    options?: { readonly reason?: string; readonly tx?: TransactionHandle },
  ): Promise<CancelAnswer>;
  /** Makes a waiting job due now; brings a finished one back under its id, with at least one more attempt. */
  retry(id: string, options?: { readonly tx?: TransactionHandle }): Promise<RetryAnswer>;
  /** Ends a waiting job as discarded. One that runs is refused: cancel it. */
  discard(id: string, options?: DiscardOptions): Promise<VerbAnswer>;
  /** Gives a waiting job another due time. */
  reschedule(id: string, options: RescheduleOptions): Promise<VerbAnswer>;
  /**
   * Changes the payload, priority or queue of a waiting job.
   * @throws MILLRACE_PAYLOAD_INVALID, MILLRACE_PAYLOAD_NOT_JSON, MILLRACE_PAYLOAD_TOO_LARGE
   */
  edit(id: string, options: EditOptions): Promise<VerbAnswer>;
  /** Removes a job that waits or is finished, with its attempts. Nothing of it is left. */
  delete(id: string, options?: VerbOptions): Promise<VerbAnswer>;
  /**
   * Runs one waiting job here and now, due or not, whatever else holds it back, with all that an attempt has. Resolves when its
   * outcome is written; for debugging.
   * @throws MILLRACE_KIND_UNKNOWN, MILLRACE_HANDLER_MISSING, MILLRACE_OPTION_INVALID, MILLRACE_DB_…
   */
  runJob(id: string, options?: RunJobOptions): Promise<RunJobAnswer>;
  /**
   * Does the same to all jobs that match, the newest first, in chunks that are transactions of their own.
   * @throws MILLRACE_OPTION_INVALID when the filter is empty and does not say `all: true`
   */
  bulk(verb: JobVerb, filter: BulkFilter, options?: BulkOptions): Promise<BulkResult>;
  /**
   * Looks for what is wrong with the database and with the processes that use it; changes nothing. What could not be
   * looked at, for lack of privileges for example, is a finding too. Empty when nothing is wrong.
   * @throws MILLRACE_DB_… when there is no database to ask
   */
  doctor(): Promise<readonly Finding[]>;
  /**
   * The SQL after which roles of the database may do what they are for, and nothing else in the schema. It asks no
   * database; the owner of the schema runs it.
   */
  grants(roles: Grants): string;
  /**
   * Claims of this queue stop in every process, at once where it is this release's, until somebody resumes it. Running
   * jobs go on, what was claimed ahead goes back. An earlier pause stays as it is.
   * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID, MILLRACE_DB_…
   */
  pauseQueue(queue: string, options: PauseOptions): Promise<PauseAnswer>;
  /**
   * Ends the pause of a queue and wakes its workers.
   * @throws MILLRACE_OPTION_INVALID, MILLRACE_DB_…
   */
  resumeQueue(queue: string): Promise<ResumeAnswer>;
  /**
   * Says in one sentence why a job is where it is, with a stable code and the evidence. Reads a bounded number of rows
   * however many jobs there are.
   * @throws MILLRACE_JOB_NOT_FOUND, MILLRACE_DB_…
   */
  why(id: string): Promise<Why>;
  /** Each queue with its depth, its rate and who serves it, by name. Large depths are estimates, and say so. */
  queues(): Promise<readonly QueueInfo[]>;
  /** Every live worker and scheduler, and those that died in the last day. */
  workers(): Promise<Workers>;
  /** Jobs by state, and what finished in the last minute and hour, by kind. Large numbers are estimates, and say so. */
  stats(): Promise<Stats>;
  /**
   * Every schedule in the database, and whether a live process knows it.
   * @param options.next how many of the next fire times to show, 0 to 100; default 1
   */
  schedules(options?: { readonly next?: number }): Promise<readonly ScheduleInfo[]>;
  /**
   * From when this resolves on the schedule fires nothing, whichever process would, until `resumeSchedule`. Fire times that
   * pass meanwhile are let go.
   * @throws MILLRACE_SCHEDULE_UNKNOWN, MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID
   */
  pauseSchedule(name: string, options: PauseOptions): Promise<SchedulePauseAnswer>;
  /**
   * Lets a paused schedule fire again, from the next fire time on.
   * @throws MILLRACE_SCHEDULE_UNKNOWN
   */
  resumeSchedule(name: string): Promise<ScheduleResumeAnswer>;
  /**
   * Enqueues a job of a schedule now, also while it is paused. The fire times stay as they are. This process must have the
   * definition, for that makes the payload.
   * @param options.by who asks, for whoever looks at the schedule
   * @throws MILLRACE_SCHEDULE_UNKNOWN, and what enqueueing throws
   */
  fireSchedule(name: string, options: { readonly by: string }): Promise<{ readonly id: string }>;
  /**
   * What happens to jobs in the whole database, from now on, until `signal` aborts or the loop is left. It looks twice a
   * second; what is committed late is told late, and nothing that ends is left out.
   * @throws MILLRACE_DB_… when the database cannot be reached any more
   */
  tail(options?: TailOptions): AsyncIterable<JobActivity>;
  /** Makes a worker, which runs jobs once it is started. */
  createWorker(options?: WorkerOptions): Worker;
  /** Makes a scheduler, which fires schedules once it is started. */
  createScheduler(options?: SchedulerOptions): Scheduler;
  /**
   * Calls `listener` for every event. It runs after the engine's own work and cannot slow it: beyond 10,000 waiting
   * events they are dropped and counted.
   * @returns a function that ends the subscription
   */
  subscribe(listener: (event: MillraceEvent) => void, name?: string): () => void;
  /** Names this process among those that run jobs: a UUID, new with each `createMillrace`. */
  readonly boot: string;
  /** Whether this process does its work; asks the database, for at most two seconds. Never rejects. */
  health(): Promise<Health>;
  /**
   * Tells that the process with this `boot` has certainly ended, as only its parent can know: its jobs are rescued at
   * once. One that still lives is left alone. The supervisor calls it.
   * @returns how many workers and schedulers were declared dead
   */
  processEnded(boot: string): Promise<number>;
  /**
   * Plugs in a tool such as `prometheus()`, `opentelemetry()` or `sentry(Sentry)`, before anything runs. Each has a queue of
   * events of its own, bounded as that of `subscribe`.
   * @returns the tool
   */
  attach<T extends Telemetry>(tool: T): T;
  /** The tools that are plugged in. */
  readonly attached: ReadonlySet<Telemetry>;
  /** Ends the connections that Millrace opened; a pool of yours stays open. */
  close(): Promise<void>;
}
