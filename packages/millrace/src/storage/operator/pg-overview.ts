import type { FinishedState, JobState } from '../../core/job.ts';
import type {
  DeadWorker,
  DescribedSchedule,
  FinishedSample,
  JobCount,
  KindSample,
  Overview,
  QueueInfo,
  WorkerInfo,
  Workers,
} from '../../core/operator/overview.ts';
import type { Pause, PauseOptions } from '../../core/operator/pauses.ts';
import type { NewJob } from '../../core/storage.ts';
import type { Row } from '../connection.ts';
import { rethrow } from '../errors.ts';
import type { Names } from '../names.ts';
import type { Pool } from '../pool.ts';
import { toRecords } from '../rows.ts';
import * as overview from '../sql/overview.ts';
import * as schedules from '../sql/schedules.ts';
import type { StatementOf } from '../sql/statement.ts';
import { readBounded } from './bounded-read.ts';

/** What operators look at, read from the views. */
export class PgOverview implements Overview {
  readonly #parts: { readonly names: Names; readonly pool: Pool };

  constructor(parts: { names: Names; pool: Pool }) {
    this.#parts = parts;
  }

  async queues(): Promise<readonly QueueInfo[]> {
    const counted = await readBounded(this.#parts, overview.listQueues);
    return (counted ?? (await this.#read(overview.estimateQueues))).map(toQueue);
  }

  async workers(): Promise<Workers> {
    const live = await this.#read(overview.listWorkers);
    const dead = await this.#read(overview.listDead);
    return { live: live.map(toWorker), dead: dead.map(toDead) };
  }

  async schedules(): Promise<readonly DescribedSchedule[]> {
    return (await this.#read(schedules.listSchedules)).map(toSchedule);
  }

  async finishedCounts(): Promise<Readonly<Record<FinishedState, JobCount>>> {
    const rows = await this.#read(overview.finishedCounts);
    const count = (state: FinishedState) => {
      const row = rows.find((each) => each['state'] === state);
      return toCount(row?.['jobs'], row?.['exact']);
    };
    return {
      completed: count('completed'),
      cancelled: count('cancelled'),
      discarded: count('discarded'),
    };
  }

  async finishedSample(): Promise<FinishedSample> {
    const rows = await this.#read(overview.finishedSample);
    return {
      overMs: rows[0]?.['over_ms'] as number,
      kinds: rows.filter((row) => row['kind'] !== null).map(toKindSample),
    };
  }

  async pauseSchedule(name: string, { by, reason }: PauseOptions) {
    const [row] = await this.#write(schedules.pauseSchedule, [name, by, reason]);
    return { status: row?.['status'] as 'paused' | 'already' | 'missing' };
  }

  async resumeSchedule(name: string) {
    const [row] = await this.#write(schedules.resumeSchedule, [name]);
    return { status: row?.['status'] as 'resumed' | 'not_paused' | 'missing' };
  }

  async runSchedule(run: {
    readonly name: string;
    readonly by: string;
    readonly job: NewJob;
  }): Promise<string> {
    const [row] = await this.#write(schedules.runSchedule, [
      run.name,
      run.by,
      toRecords([run.job]),
    ]);
    return row?.['id'] as string;
  }

  async nowMs(): Promise<number> {
    const [row] = await this.#read(overview.readNow);
    return row?.['now_ms'] as number;
  }

  #read(of: StatementOf): Promise<Row[]> {
    const { names, pool } = this.#parts;
    const { text } = of(names);
    return pool.read(async (executor) => (await executor.query(text, [])).rows).catch(rethrow);
  }

  /** In a transaction, so that what the session would find by a name does not matter. */
  #write(of: StatementOf, values: readonly string[]): Promise<Row[]> {
    const { names, pool } = this.#parts;
    const { text } = of(names);
    return pool
      .transaction('read committed', async (tx) => {
        await tx.query(`SET LOCAL search_path = ''`);
        return (await tx.query(text, [...values])).rows;
      })
      .catch(rethrow);
  }
}

function toCount(jobs: unknown, exact: unknown): JobCount {
  return { jobs: Math.round(Number(jobs ?? 0)), exact: exact === true };
}

function toPause(row: Row): Pause | null {
  if (row['paused_at'] === null) return null;
  return {
    at: row['paused_at'] as Date,
    by: row['paused_by'] as string,
    reason: row['pause_reason'] as string,
  };
}

function toQueue(row: Row): QueueInfo {
  return {
    queue: row['queue'] as string,
    available: toCount(row['available'], row['due_exact']),
    running: row['running'] === null ? null : toCount(row['running'], row['due_exact']),
    scheduled: toCount(row['scheduled'], row['later_exact']),
    retryable: row['retryable'] === null ? null : toCount(row['retryable'], row['later_exact']),
    oldestDueMs: row['oldest_due_ms'] as number | null,
    finishedPerMinute: row['finished_per_minute'] as number,
    workers: row['workers'] as number,
    paused: toPause(row),
  };
}

function toWorker(row: Row): WorkerInfo {
  const since = row['blocked_since'] as Date | null;
  return {
    no: row['no'] as number,
    role: row['role'] as WorkerInfo['role'],
    host: row['host'] as string,
    pid: row['pid'] as number,
    version: row['version'] as string,
    mode: row['mode'] as WorkerInfo['mode'],
    concurrency: row['concurrency'] as number | null,
    kinds: row['kinds'] as string[],
    heldKinds: row['held_kinds'] as string[],
    queues: row['queues'] as string[],
    schedules: row['schedules'] as string[],
    startedAt: row['started_at'] as Date,
    silentMs: row['silent_ms'] as number,
    running: row['running'] as number,
    aloneJobId: row['alone_job_id'] as string | null,
    blocked:
      since === null
        ? null
        : { since, jobs: row['blocked_jobs'] as { id: string; kind: string }[] },
  };
}

function toDead(row: Row): DeadWorker {
  return {
    no: row['no'] as number,
    host: row['host'] as string | null,
    pid: row['pid'] as number | null,
    diedAt: row['died_at'] as Date,
    reason: row['reason'] as string,
    aloneJobId: row['alone_job_id'] as string | null,
  };
}

function toSchedule(row: Row): DescribedSchedule {
  const lastJobId = row['last_job_id'] as string | null;
  const lastRunAt = row['last_run_at'] as Date | null;
  return {
    name: row['name'] as string,
    kind: row['kind'] as string,
    spec: row['spec'] as string,
    anchor: row['anchor'] as Date,
    consideredUntil: row['considered_until'] as Date,
    lastFire: row['last_fire'] as Date | null,
    lastJob:
      lastJobId === null
        ? null
        : { id: lastJobId, state: row['last_job_state'] as JobState | null },
    known: row['known'] as boolean,
    paused: toPause(row),
    lastRun:
      lastRunAt === null
        ? null
        : {
            at: lastRunAt,
            by: row['last_run_by'] as string,
            jobId: row['last_run_job_id'] as string,
          },
    nowMs: row['now_ms'] as number,
  };
}

function toKindSample(row: Row): KindSample {
  const counts = (span: 'minute' | 'hour') => ({
    completed: row[`${span}_completed`] as number,
    cancelled: row[`${span}_cancelled`] as number,
    discarded: row[`${span}_discarded`] as number,
    failedAttempts: row[`${span}_failed`] as number,
  });
  const [p50, p95] = (row['run_ms'] as [number, number] | null) ?? [];
  return {
    kind: row['kind'] as string,
    lastMinute: counts('minute'),
    lastHour: counts('hour'),
    runMs: p50 === undefined || p95 === undefined ? null : { p50, p95 },
  };
}
