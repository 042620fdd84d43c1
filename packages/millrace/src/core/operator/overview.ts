/**
 * What operators see of queues, workers, schedules and throughput, and the port to it. Nothing here is ever counted in
 * full: answers come as fast from ten million jobs as from ten, and say where they are estimates.
 */
import type { FinishedState, JobState } from '../job.ts';
import type { NewJob } from '../storage.ts';
import type { Pause, PauseOptions } from './pauses.ts';

/** A number of jobs. `exact`: counted; otherwise the planner's estimate, and never less than what was seen. */
export interface JobCount {
  readonly jobs: number;
  readonly exact: boolean;
}

/** A queue that has unfinished jobs, has finished some in the last minute, is served by a live worker or is paused. */
export interface QueueInfo {
  readonly queue: string;
  /** Due, and waiting for a worker. */
  readonly available: JobCount;
  /**
   * Where it is not exact, those among the first jobs of each priority; there they are, as a rule. Null where counting was
   * given up after 200 ms, mostly because rows of finished jobs are in the way that cannot be vacuumed yet.
   */
  readonly running: JobCount | null;
  /** Not due yet; without those that wait for another attempt, unless `retryable` is null. */
  readonly scheduled: JobCount;
  /** Waiting for another attempt; null where counting was given up. */
  readonly retryable: JobCount | null;
  /** How long the oldest waiting job has been due; null when none is, or where counting was given up. */
  readonly oldestDueMs: number | null;
  /** Jobs that finished, by the last minute; of kinds that the history keeps. */
  readonly finishedPerMinute: number;
  /** Live workers that serve it. */
  readonly workers: number;
  readonly paused: Pause | null;
}

/** A live worker or scheduler: one process may have several. */
export interface WorkerInfo {
  /** Its identity at present. */
  readonly no: number;
  readonly role: 'worker' | 'scheduler';
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** `session`: its death shows at once, by a lock; `heartbeat`: only by its silence. */
  readonly mode: 'session' | 'heartbeat';
  /** How many jobs it runs at once; null for schedulers and where its release does not say. */
  readonly concurrency: number | null;
  readonly kinds: readonly string[];
  /** Kinds that it serves and leaves out at present. */
  readonly heldKinds: readonly string[];
  readonly queues: readonly string[];
  /** Name and times of each schedule that it fires. */
  readonly schedules: readonly string[];
  readonly startedAt: Date;
  /** Since its last sign of life. */
  readonly silentMs: number;
  /** Jobs that ran at its last heartbeat; of an older release those among the first of each queue and priority. */
  readonly running: number;
  /** The suspect that runs with nothing else in the process, if one does. */
  readonly aloneJobId: string | null;
  /** Set while its event loop stands still. */
  readonly blocked: {
    readonly since: Date;
    /** The jobs whose handlers run on it. */
    readonly jobs: readonly { readonly id: string; readonly kind: string }[];
  } | null;
}

/** An identity that ended without saying so, or was given up by a process that goes on under another. */
export interface DeadWorker {
  readonly no: number;
  readonly host: string | null;
  readonly pid: number | null;
  readonly diedAt: Date;
  /** `crashed`, `silent`, or why its process took another identity. */
  readonly reason: string;
  /** The suspect that ran alone in it, if one did. */
  readonly aloneJobId: string | null;
}

/** Everybody who is registered, and who died in the last day: at most the last 100. */
export interface Workers {
  readonly live: readonly WorkerInfo[];
  readonly dead: readonly DeadWorker[];
}

/** A schedule for people. */
export interface ScheduleInfo {
  readonly name: string;
  readonly kind: string;
  /** `every 30000ms`, or `cron`, the expression and its time zone. */
  readonly spec: string;
  readonly anchor: Date;
  /** The last fire time of which a job was made. */
  readonly lastFire: Date | null;
  /** The job of that fire time; its state is null when it is kept no longer. */
  readonly lastJob: { readonly id: string; readonly state: JobState | null } | null;
  /** The next fire times, as many as were asked for. None while it is paused, and where this release cannot read `spec`. */
  readonly nextFires: readonly Date[];
  /** Fire times since the last one fired that were let go: missed, or passed while it was paused. At most 1,000 are counted. */
  readonly skipped: number;
  /** Fire times that have passed and are not decided: it is paused, or no scheduler knows it. At most 1,000 are counted. */
  readonly overdue: number;
  /** False: no live process knows it, and it fires nothing. */
  readonly known: boolean;
  readonly paused: Pause | null;
  /** The last job that somebody asked for with `fireSchedule`. */
  readonly lastRun: { readonly at: Date; readonly by: string; readonly jobId: string } | null;
}

/** What came of pausing. `already`: an earlier pause holds, as it was. */
export interface SchedulePauseAnswer {
  readonly status: 'paused' | 'already';
}

/** What came of resuming. */
export interface ScheduleResumeAnswer {
  readonly status: 'resumed' | 'not_paused';
}

/** Jobs that finished within a span of time; of kinds that the history keeps. */
export interface Throughput {
  /** How far back: less than was asked for where more jobs finished than are looked at. */
  readonly overMs: number;
  readonly completed: number;
  readonly cancelled: number;
  readonly discarded: number;
  /** Attempts of these jobs that did not complete. */
  readonly failedAttempts: number;
}

/** One kind of those that finished in the last hour. */
export interface KindStats {
  readonly kind: string;
  readonly lastMinute: Throughput;
  readonly lastHour: Throughput;
  /** From claim to end, of those that completed in the last hour; null when none did. */
  readonly runMs: { readonly p50: number; readonly p95: number } | null;
}

/** How things go. */
export interface Stats {
  readonly jobs: Readonly<Record<JobState, JobCount>>;
  readonly lastMinute: Throughput;
  readonly lastHour: Throughput;
  /** The busiest kinds first. */
  readonly kinds: readonly KindStats[];
}

/** A schedule as the database describes it: what follows from its times is not known there. */
export interface DescribedSchedule extends Omit<ScheduleInfo, 'nextFires' | 'skipped' | 'overdue'> {
  /** Fire times up to then were fired or let go. */
  readonly consideredUntil: Date;
  readonly nowMs: number;
}

/** What finished lately, of one kind. */
export interface KindSample {
  readonly kind: string;
  readonly lastMinute: Omit<Throughput, 'overMs'>;
  readonly lastHour: Omit<Throughput, 'overMs'>;
  readonly runMs: { readonly p50: number; readonly p95: number } | null;
}

/** The newest finished jobs, by kind. */
export interface FinishedSample {
  /** How far back it reaches: an hour, or less when there were too many. */
  readonly overMs: number;
  readonly kinds: readonly KindSample[];
}

export interface Overview {
  /** In the order of their names. */
  queues(): Promise<readonly QueueInfo[]>;
  workers(): Promise<Workers>;
  schedules(): Promise<readonly DescribedSchedule[]>;
  finishedCounts(): Promise<Readonly<Record<FinishedState, JobCount>>>;
  finishedSample(): Promise<FinishedSample>;

  pauseSchedule(
    name: string,
    options: PauseOptions,
  ): Promise<{ readonly status: SchedulePauseAnswer['status'] | 'missing' }>;
  /** Lets go the fire times that passed meanwhile. */
  resumeSchedule(
    name: string,
  ): Promise<{ readonly status: ScheduleResumeAnswer['status'] | 'missing' }>;
  /** Makes a job of a schedule outside its fire times; answers with its id. */
  runSchedule(run: {
    readonly name: string;
    readonly by: string;
    readonly job: NewJob;
  }): Promise<string>;
  /** The database's clock, in milliseconds since 1970. */
  nowMs(): Promise<number>;
}
