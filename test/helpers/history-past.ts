import type { TestDatabase } from './database.ts';
import type { Fate, LogLine } from './history-log.ts';

/** What the database says of all jobs at the end. Times are its own, in milliseconds since 1970, rounded down. */
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
  /** How jobs had ended before somebody brought them back. */
  readonly formerEnds: readonly (End & { readonly job: string })[];
  /** What the runs of `transactional` wrote, each in its transaction. */
  readonly effects: readonly { readonly job: string; readonly run: string }[];
  readonly fires: readonly {
    readonly schedule: string;
    readonly fireMs: number;
    readonly job: string;
  }[];
}

/** How a job ended. The lease is `0` where no worker ended it. */
export interface End {
  readonly state: string;
  readonly lease: string;
  readonly finishedMs: number;
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
  /** When its job was claimed for it, by the wall. */
  readonly claimedWallMs: number;
  readonly beganMs: number;
  readonly beganWallMs: number;
  /** When it ended, by itself or with its process; infinite for a run that goes on. */
  endedMs: number;
  /** When its handler ended by itself. */
  endedWallMs: number | undefined;
  how: 'returned' | 'threw' | undefined;
}

/** Log and database, by job. Apart from fire times, all times of the database are made such of the log. */
export interface Past {
  readonly jobs: ReadonlyMap<string, JobRow>;
  /** The jobs that the database holds more than once. */
  readonly doubled: readonly string[];
  readonly enqueued: ReadonlyMap<string, Fate>;
  /**
   * In the order in which the job was given to them. A worker that stood still may begin, or even learn of its claim, only
   * after others were given the job.
   */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
  readonly runNamed: ReadonlyMap<string, Run>;
  readonly attempts: ReadonlyMap<string, readonly AttemptRow[]>;
  /** The ends from which somebody brought the job back. */
  readonly formerEnds: ReadonlyMap<string, readonly End[]>;
  /** The runs of the job whose transactions were committed. */
  readonly committed: ReadonlyMap<string, readonly string[]>;
  /** By `job lease`, for every claim that was answered and every move that was tried: when the job was claimed. */
  readonly claims: ReadonlyMap<string, number>;
  /** `job lease` of every claim of a suspect. */
  readonly suspects: ReadonlySet<string>;
  /** When a job was put back by its own worker, by `job lease`; without those that were surely refused. */
  readonly putBackMs: ReadonlyMap<string, number>;
  /** When somebody first asked to cancel a job. */
  readonly cancelledMs: ReadonlyMap<string, number>;
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
    'formerEnds', ${rows(`
      SELECT job::text, state, lease::text, ${ms('finished_at')} AS "finishedMs" FROM public.former_end`)},
    'effects', ${rows('SELECT job::text, run FROM public.effect')},
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
  const { steps, ...logged } = readLines(log);
  const toWall = wallClock(steps);
  const finishedOnWall = <Row extends { readonly finishedMs: number | null }>(row: Row): Row =>
    row.finishedMs === null ? row : { ...row, finishedMs: toWall(row.finishedMs) };
  const rows = database.attempts.map((row) => ({ ...row, endedMs: toWall(row.endedMs) }));
  const attempts = Map.groupBy(rows, ({ job }) => job);
  const runs = Map.groupBy(logged.runNamed.values(), ({ job }) => job);
  const effects = Map.groupBy(database.effects, ({ job }) => job);
  return {
    ...logged,
    jobs: new Map(database.jobs.map((row) => [row.id, finishedOnWall(row)])),
    doubled: [...Map.groupBy(database.jobs, ({ id }) => id)]
      .filter(([, { length }]) => length > 1)
      .map(([id]) => id),
    runs: new Map([...runs].map(([job, list]) => [job, inTurn(list, attempts.get(job) ?? [])])),
    attempts,
    formerEnds: Map.groupBy(database.formerEnds.map(finishedOnWall), ({ job }) => job),
    committed: new Map([...effects].map(([job, list]) => [job, list.map(({ run }) => run)])),
    fires: database.fires,
    expected,
  };
}

type Logged = Pick<
  Past,
  'enqueued' | 'runNamed' | 'claims' | 'suspects' | 'putBackMs' | 'cancelledMs'
>;

/** A crash or promotion may give ids again that only transactions had which never came to their commit. */
function fateAfter(known: Fate | undefined, told: Fate): Fate {
  if (known === undefined) return told;
  return known === 'committed' || told === 'rolled back' ? known : told;
}

/** What the log says by itself. */
function readLines(log: readonly LogLine[]): Logged & { readonly steps: readonly Step[] } {
  const claims = new Map<string, number>();
  const suspects = new Set<string>();
  const enqueued = new Map<string, Fate>();
  const putBackMs = new Map<string, number>();
  const runNamed = new Map<string, Run>();
  const unanswered = new Set<string>();
  const cancelledMs = new Map<string, number>();
  const steps: Step[] = [];
  const moves: { job: string; from: string; to: string }[] = [];
  const openRuns = new Map<number, Set<Run>>();
  for (const line of log.toSorted((a, b) => a.monotonicMs - b.monotonicMs)) {
    const { pid, monotonicMs, wallMs } = line;
    switch (line.what) {
      case 'enqueued':
        for (const job of line.jobs) enqueued.set(job, fateAfter(enqueued.get(job), line.fate));
        break;
      case 'claimed':
        for (const job of line.jobs) claims.set(`${job} ${line.lease}`, wallMs);
        for (const job of line.suspects) suspects.add(`${job} ${line.lease}`);
        break;
      case 'moving':
        for (const { id, lease } of line.held) {
          claims.set(`${id} ${line.lease}`, claims.get(`${id} ${lease}`) ?? wallMs);
          moves.push({ job: id, from: lease, to: line.lease });
        }
        break;
      case 'settling':
        for (const { id, lease, to } of line.held) {
          const isPutBack = to === 'wait' || to === 'giveBack';
          const key = `${id} ${lease}`;
          if (isPutBack && !unanswered.has(key)) putBackMs.set(key, wallMs);
        }
        break;
      case 'unanswered':
        for (const { id, lease } of line.held)
          if (putBackMs.has(`${id} ${lease}`)) unanswered.add(`${id} ${lease}`);
        break;
      case 'refused':
        // If an earlier try was written, that is why: a job that is put back keeps no trace of it.
        for (const { id, lease } of line.held)
          if (!unanswered.has(`${id} ${lease}`)) putBackMs.delete(`${id} ${lease}`);
        break;
      case 'began': {
        const run: Run = {
          name: line.run,
          job: line.job,
          attempt: line.attempt,
          pid,
          transactional: line.transactional,
          leases: new Set([line.lease]),
          claimedWallMs: claims.get(`${line.job} ${line.lease}`) ?? wallMs,
          beganMs: monotonicMs,
          beganWallMs: wallMs,
          endedMs: Infinity,
          endedWallMs: undefined,
          how: undefined,
        };
        runNamed.set(line.run, run);
        openRuns.set(pid, (openRuns.get(pid) ?? new Set()).add(run));
        break;
      }
      case 'ended': {
        const run = runNamed.get(line.run);
        if (run === undefined)
          throw new Error(`The log says that ${line.run} ended, not that it began.`);
        Object.assign(run, { endedMs: monotonicMs, endedWallMs: wallMs, how: line.how });
        openRuns.get(pid)?.delete(run);
        break;
      }
      case 'died':
        for (const run of openRuns.get(line.process) ?? []) run.endedMs = monotonicMs;
        openRuns.delete(line.process);
        break;
      case 'cancelling':
        if (!cancelledMs.has(line.job)) cancelledMs.set(line.job, wallMs);
        break;
      case 'stepping':
        steps.push({ atMs: wallMs, aheadMs: line.aheadMs });
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
  return { enqueued, runNamed, claims, suspects, putBackMs, cancelledMs, steps };
}

/** Runs in the order in which the job was given to them; each surely before the rescue that took it away. */
function inTurn(runs: readonly Run[], attempts: readonly AttemptRow[]): Run[] {
  const turnMs = ({ leases, claimedWallMs }: Run) => {
    const rescue = attempts.find(({ lease, ending }) => ending === 'crashed' && leases.has(lease));
    return Math.min(claimedWallMs, (rescue?.endedMs ?? Infinity) - 1);
  };
  return runs.toSorted((a, b) => turnMs(a) - turnMs(b) || a.beganMs - b.beganMs);
}

/** A step of the database's clock. */
interface Step {
  readonly atMs: number;
  readonly aheadMs: number;
}

/**
 * Makes times of the database such of the wall. Its clock only ever steps forward, so that no two moments have one time;
 * a statement that still saw the clock from before a step fell into the gap that the step left.
 */
function wallClock(steps: readonly Step[]): (databaseMs: number) => number {
  return (databaseMs) => {
    const step = steps.findLast(({ atMs, aheadMs }) => databaseMs >= atMs + aheadMs);
    return databaseMs - (step?.aheadMs ?? 0);
  };
}
