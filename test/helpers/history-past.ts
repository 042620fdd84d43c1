import type { TestDatabase } from './database.ts';
import type { Fate, LogLine } from './history-log.ts';

/** What the database says of all jobs at the end. Times are milliseconds since 1970, rounded down. */
export interface DatabaseState {
  /** The view `jobs`; `lease` and `finishedMs` are the history's, null for unfinished jobs. */
  readonly jobs: readonly {
    readonly id: string;
    readonly state: string;
    readonly attempt: number;
    readonly maxAttempts: number;
    readonly lease: string | null;
    readonly finishedMs: number | null;
  }[];
  readonly attempts: readonly {
    readonly job: string;
    readonly lease: string;
    readonly ending: string;
    readonly endedMs: number;
  }[];
  readonly fires: readonly {
    readonly schedule: string;
    readonly fireMs: number;
    readonly job: string;
  }[];
}

/** What the run was like, beyond what holds always. */
export interface Expectations {
  /** Nothing failed: each job ran once. */
  readonly exactlyOnce?: boolean;
  /** Somebody waited until nothing was left to do. */
  readonly allFinished?: boolean;
  /** Every fire time that has come, in ms since 1970, by schedule. */
  readonly fireTimes?: Readonly<Record<string, readonly number[]>>;
}

type JobRow = DatabaseState['jobs'][number];
type AttemptRow = DatabaseState['attempts'][number];

/** A run of a handler as the log knows it. */
export interface Run {
  readonly name: string;
  readonly job: string;
  readonly attempt: number;
  readonly pid: number;
  readonly transactional: boolean;
  /** The lease it began under and those it may have been moved to. */
  readonly leases: Set<string>;
  readonly beganMs: number;
  readonly beganWallMs: number;
  /** When it ended, by itself or with its process; infinite for a run that goes on. */
  endedMs: number;
  /** When its handler ended by itself. */
  endedWallMs: number | undefined;
  how: 'returned' | 'threw' | undefined;
}

/** Log and database, by job. */
export interface Past {
  readonly jobs: ReadonlyMap<string, JobRow>;
  /** The jobs that the database holds more than once. */
  readonly doubled: readonly string[];
  readonly enqueued: ReadonlyMap<string, Fate>;
  /** In the order in which they began. */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
  readonly runNamed: ReadonlyMap<string, Run>;
  readonly attempts: ReadonlyMap<string, readonly AttemptRow[]>;
  /** `job lease` of every claim that was answered and every move that was tried. */
  readonly claims: ReadonlySet<string>;
  /** `job lease` of every claim of a suspect. */
  readonly suspects: ReadonlySet<string>;
  /** When a job was put back by its own worker, by `job lease`; without the refused ones. */
  readonly putBackMs: ReadonlyMap<string, number>;
  readonly fires: DatabaseState['fires'];
  readonly expected: Expectations;
}

/** Reads everything that a check needs, as of one moment. */
export async function readDatabase(database: Pick<TestDatabase, 'query'>): Promise<DatabaseState> {
  const ms = (time: string) => `floor(extract(epoch FROM ${time}) * 1000)`;
  const rows = (select: string) => `(SELECT coalesce(json_agg(r), '[]') FROM (${select}) r)`;
  const [state] = await database.query<{ state: DatabaseState }>(`SELECT json_build_object(
    'jobs', ${rows(`
      SELECT v.id::text, v.state, v.attempt, v.max_attempts AS "maxAttempts", h.lease::text,
             ${ms('h.finished_at')} AS "finishedMs"
        FROM millrace.jobs v LEFT JOIN millrace.job_history h ON h.id = v.id`)},
    'attempts', ${rows(`
      SELECT job_id::text AS job, lease::text, ending, ${ms('ended_at')} AS "endedMs"
        FROM millrace.job_attempt`)},
    'fires', ${rows(`
      SELECT name AS schedule, ${ms('fire_time')} AS "fireMs", job_id::text AS job
        FROM millrace.schedule_fire`)}) AS state`);
  if (state === undefined) throw new Error('A SELECT without FROM gave no row.');
  return state.state;
}

/** Puts log and database in order, by job. */
export function pastOf(
  log: readonly LogLine[],
  database: DatabaseState,
  expected: Expectations,
): Past {
  const claims = new Set<string>();
  const suspects = new Set<string>();
  const enqueued = new Map<string, Fate>();
  const putBackMs = new Map<string, number>();
  const runNamed = new Map<string, Run>();
  const moves: { job: string; from: string; to: string }[] = [];
  for (const line of log.toSorted((a, b) => a.monotonicMs - b.monotonicMs)) {
    const { pid, monotonicMs, wallMs } = line;
    switch (line.what) {
      case 'enqueued':
        for (const job of line.jobs) enqueued.set(job, line.fate);
        break;
      case 'claimed':
        for (const job of line.jobs) claims.add(`${job} ${line.lease}`);
        for (const job of line.suspects) suspects.add(`${job} ${line.lease}`);
        break;
      case 'moving':
        for (const { id, lease } of line.held) {
          claims.add(`${id} ${line.lease}`);
          moves.push({ job: id, from: lease, to: line.lease });
        }
        break;
      case 'settling':
        for (const { id, lease, to } of line.held) {
          if (to === 'wait' || to === 'giveBack') putBackMs.set(`${id} ${lease}`, wallMs);
        }
        break;
      case 'refused':
        for (const { id, lease } of line.held) putBackMs.delete(`${id} ${lease}`);
        break;
      case 'began':
        runNamed.set(line.run, {
          name: line.run,
          job: line.job,
          attempt: line.attempt,
          pid,
          transactional: line.transactional,
          leases: new Set([line.lease]),
          beganMs: monotonicMs,
          beganWallMs: wallMs,
          endedMs: Infinity,
          endedWallMs: undefined,
          how: undefined,
        });
        break;
      case 'ended': {
        const run = runNamed.get(line.run);
        if (run === undefined)
          throw new Error(`The log says that ${line.run} ended, not that it began.`);
        Object.assign(run, { endedMs: monotonicMs, endedWallMs: wallMs, how: line.how });
        break;
      }
      case 'died':
        for (const run of runNamed.values())
          if (run.pid === line.process) run.endedMs = Math.min(run.endedMs, monotonicMs);
        break;
      case 'aborted':
        break;
    }
  }
  const movesOf = Map.groupBy(moves, ({ job }) => job);
  for (const { job, leases } of runNamed.values()) {
    // Also of a run that began while the move was under way, and was told its lease from before.
    for (const { from, to } of movesOf.get(job) ?? []) if (leases.has(from)) leases.add(to);
  }
  return {
    jobs: new Map(database.jobs.map((row) => [row.id, row])),
    doubled: [...Map.groupBy(database.jobs, ({ id }) => id)]
      .filter(([, { length }]) => length > 1)
      .map(([id]) => id),
    enqueued,
    runs: Map.groupBy(runNamed.values(), ({ job }) => job),
    runNamed,
    attempts: Map.groupBy(database.attempts, ({ job }) => job),
    claims,
    suspects,
    putBackMs,
    fires: database.fires,
    expected,
  };
}
