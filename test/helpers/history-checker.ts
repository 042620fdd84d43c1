import type { LogLine } from './history-log.ts';
import {
  pastOf,
  type DatabaseState,
  type End,
  type Expectations,
  type Past,
  type Run,
} from './history-past.ts';

/** One promise that was broken, and how. */
export interface Violation {
  readonly rule: keyof typeof rules;
  readonly job: string;
  readonly detail: string;
}

type Found = Iterable<readonly [job: string, detail: string]>;

/** Each looks at the whole past for breaches of one promise. */
export const rules = {
  'a committed job is lost': lostJobs,
  'a job is in the database twice': doubledJobs,
  'a job exists or ran although nobody committed it': uncommittedJobs,
  'a job is unfinished': unfinishedJobs,
  'a job ran more than once although nothing failed': repeatedJobs,
  'a job ran again without a recorded reason': unexplainedRuns,
  'two runs of a job overlap': overlappingRuns,
  'a job has more attempts than it may': excessiveAttempts,
  'the attempts are miscounted': miscountedAttempts,
  'a transaction stands without the completion of its job, or this without it': partedTransactions,
  'a job was completed by a run that began before its rescue': completedBeforeRescue,
  'something was settled under a lease that nobody was given': unknownLeases,
  'something was settled although its run had not come to an end': unendedRuns,
  'something was settled under a lost lease': lostLeases,
  'a suspect shared its process': sharedProcesses,
  'a job was quarantined that had not ended its process alone': wrongQuarantines,
  'a fire time does not have exactly one job': wrongFires,
} satisfies Record<string, (past: Past) => Found>;

/** Every breach of a promise that log and database together show. */
export function checkHistory(
  log: readonly LogLine[],
  database: DatabaseState,
  expected: Expectations = {},
): Violation[] {
  return checkPast(pastOf(log, database, expected));
}

/** As `checkHistory`. */
export function checkPast(past: Past): Violation[] {
  // A check of nothing passes always, and is a mistake of the test.
  if (past.enqueued.size === 0 && past.fires.length === 0)
    throw new Error('The log does not say that any job was enqueued.');
  return Object.entries(rules).flatMap(([rule, find]) =>
    [...find(past)].map(([job, detail]) => ({ rule: rule as Violation['rule'], job, detail })),
  );
}

function* lostJobs({ jobs, enqueued, runs }: Past): Found {
  for (const [job, fate] of enqueued) {
    if (fate === 'committed' && !jobs.has(job)) yield [job, 'it is not in the database'];
  }
  for (const [job, row] of jobs) {
    if (row.state === 'completed' && !runs.has(job)) yield [job, 'it is completed and never ran'];
  }
}

function* doubledJobs({ doubled }: Past): Found {
  for (const job of doubled) yield [job, 'it has several rows'];
}

function* uncommittedJobs(past: Past): Found {
  const { jobs, enqueued, runs, fires, committed } = past;
  const fired = new Set(fires.map(({ job }) => job));
  for (const job of new Set([...jobs.keys(), ...runs.keys()])) {
    const fate = enqueued.get(job);
    if (fired.has(job)) continue;
    if (fate === 'rolled back') yield [job, 'its transaction was rolled back'];
    else if (fate === undefined) yield [job, 'nobody enqueued it'];
    else if (fate === 'unknown' && !jobs.has(job)) yield [job, 'it ran and is not in the database'];
  }
  for (const [job, fate] of enqueued) {
    if (typeof fate !== 'object' || fired.has(job)) continue;
    const isThere = jobs.has(job) || runs.has(job);
    const parent = past.runNamed.get(fate.of)?.job ?? '';
    const counts = committed.get(parent)?.includes(fate.of) ?? false;
    if (isThere !== counts)
      yield [
        job,
        `it is ${isThere ? '' : 'not '}there, and run ${fate.of} was ${counts ? '' : 'not '}committed`,
      ];
  }
}

function* partedTransactions(past: Past): Found {
  for (const [job, runs] of past.runs) {
    if (!runs.some(({ transactional }) => transactional)) continue;
    const completed = endsOf(past, job).filter(({ state }) => state === 'completed').length;
    const committed = past.committed.get(job)?.length ?? 0;
    if (committed !== completed)
      yield [job, `it was completed ${completed} times, and ${committed} runs were committed`];
  }
}

/** Every end of a job: those from which it was brought back, and the one it is in. */
function endsOf({ jobs, formerEnds }: Past, job: string): End[] {
  const row = jobs.get(job);
  const { state = '', lease = null, finishedMs = null } = row ?? {};
  const last = lease === null || finishedMs === null ? [] : [{ state, lease, finishedMs }];
  return [...(formerEnds.get(job) ?? []), ...last];
}

function* unfinishedJobs({ jobs, expected }: Past): Found {
  if (expected.allFinished !== true) return;
  for (const [job, row] of jobs) if (row.finishedMs === null) yield [job, `it is ${row.state}`];
}

function* repeatedJobs({ runs, expected }: Past): Found {
  if (expected.exactlyOnce !== true) return;
  for (const [job, { length }] of runs) if (length > 1) yield [job, `it ran ${length} times`];
}

function* unexplainedRuns(past: Past): Found {
  for (const [job, runs] of past.runs) {
    for (const [index, next] of runs.entries()) {
      const run = runs[index - 1];
      if (run === undefined) continue;
      const isSameAttempt =
        run.transactional && run.pid === next.pid && intersect(run.leases, next.leases);
      if (!isSameAttempt && !isPutBack(past, run, next.beganWallMs))
        yield [job, `${next.name} followed ${run.name}`];
    }
  }
}

function* overlappingRuns(past: Past): Found {
  for (const [job, runs] of past.runs) {
    for (const [index, later] of runs.entries()) {
      for (const earlier of runs.slice(0, index)) {
        const overlap = earlier.endedMs > later.beganMs;
        if (overlap && !wasTakenAway(past, earlier, later.beganWallMs))
          yield [job, `${later.name} began while ${earlier.name} went on`];
      }
    }
  }
}

/** Whether the job of a run was given to others before a time, for whatever reason. */
function isPutBack(past: Past, run: Run, beforeMs: number): boolean {
  const rows = past.attempts.get(run.job) ?? [];
  const ends = past.formerEnds.get(run.job) ?? [];
  return (
    rows.some(({ lease, endedMs }) => run.leases.has(lease) && endedMs <= beforeMs) ||
    ends.some(({ lease, finishedMs }) => run.leases.has(lease) && finishedMs <= beforeMs) ||
    wasTakenAway(past, run, beforeMs)
  );
}

/** Whether a worker lost a job before a time: it was declared dead, or gave it back while it stopped. */
function wasTakenAway({ attempts, putBackMs }: Past, run: Run, beforeMs: number): boolean {
  const crashed = (attempts.get(run.job) ?? []).some(
    ({ lease, ending, endedMs }) =>
      ending === 'crashed' && run.leases.has(lease) && endedMs <= beforeMs,
  );
  return (
    crashed ||
    [...run.leases].some((lease) => (putBackMs.get(`${run.job} ${lease}`) ?? Infinity) <= beforeMs)
  );
}

function* excessiveAttempts({ jobs, runs }: Past): Found {
  for (const [job, { attempt, maxAttempts }] of jobs) {
    const most = Math.max(attempt, ...(runs.get(job) ?? []).map((run) => run.attempt));
    if (most > maxAttempts) yield [job, `attempt ${most} of ${maxAttempts}`];
  }
}

function* miscountedAttempts(past: Past): Found {
  for (const [job, { state, attempt }] of past.jobs) {
    const runs = past.runs.get(job) ?? [];
    const used = usedAttempts(past, job);
    const counted = used.length + (state === 'running' ? 1 : 0);
    if (attempt !== counted) yield [job, `attempt is ${attempt}, and ${counted} count`];
    for (const [index, run] of runs.entries()) {
      const before = used.filter(({ lease, atMs }) => {
        if (run.leases.has(lease)) return false;
        const place = runs.findIndex((each) => each.leases.has(lease));
        return place === -1 ? atMs <= run.beganWallMs : place < index;
      });
      if (run.attempt !== before.length + 1)
        yield [job, `${run.name} was attempt ${run.attempt} after ${before.length} that count`];
    }
  }
}

/** The attempts that count: failures, and each in which the job ended; crashes, snoozes and stops do not. */
function usedAttempts(past: Past, job: string): { lease: string; atMs: number }[] {
  const failures = (past.attempts.get(job) ?? [])
    .filter(({ ending }) => ending === 'failed')
    .map(({ lease, endedMs }) => ({ lease, atMs: endedMs }));
  // A failure ends a job that somebody asked to cancel, and is one attempt.
  const isFailure = (under: string) => failures.some(({ lease }) => lease === under);
  const ends = endsOf(past, job)
    .filter(({ lease }) => lease !== '0' && !isFailure(lease))
    .map(({ lease, finishedMs }) => ({ lease, atMs: finishedMs }));
  return [...failures, ...ends];
}

function* completedBeforeRescue({ jobs, runs, attempts }: Past): Found {
  for (const [job, { state, lease }] of jobs) {
    if (state !== 'completed' || lease === null) continue;
    const last = runs.get(job)?.findLast((run) => run.leases.has(lease));
    if (last === undefined) continue;
    for (const { ending, endedMs } of attempts.get(job) ?? []) {
      if (ending === 'crashed' && endedMs > last.beganWallMs)
        yield [job, `${last.name} began ${endedMs - last.beganWallMs} ms before the rescue`];
    }
  }
}

/** Every outcome that a worker wrote, as opposed to what a rescue or somebody's cancelling wrote. */
function* settlements(past: Past): Iterable<{
  job: string;
  lease: string;
  as: string;
  atMs: number;
}> {
  for (const job of past.jobs.keys()) {
    for (const { state, lease, finishedMs } of endsOf(past, job))
      if (lease !== '0') yield { job, lease, as: state, atMs: finishedMs };
  }
  for (const [job, rows] of past.attempts) {
    for (const { lease, ending, endedMs } of rows)
      if (ending !== 'crashed') yield { job, lease, as: ending, atMs: endedMs };
  }
}

function* unknownLeases(past: Past): Found {
  for (const { job, lease, as } of settlements(past)) {
    if (!past.claims.has(`${job} ${lease}`)) yield [job, `${as} under ${lease}`];
  }
}

function* unendedRuns(past: Past): Found {
  for (const { job, lease, as, atMs } of settlements(past)) {
    const run = settledRun(past, job, lease, as);
    const ended = run?.endedWallMs;
    if (run === undefined) {
      // It may be told so before its handler begins.
      const isCancelled = as === 'cancelled' && (past.cancelledMs.get(job) ?? Infinity) <= atMs;
      if (!isCancelled) yield [job, `${as} under ${lease}, and no run began under it`];
    } else if (ended === undefined) yield [job, `${as}, and ${run.name} did not end`];
    else if (ended > atMs) yield [job, `${as} ${ended - atMs} ms before ${run.name} ended`];
    else if (as === 'completed' && run.how !== 'returned')
      yield [job, `completed, and ${run.name} ${run.how}`];
  }
}

/** Of several runs within one attempt it is the one that was committed, although another may have begun meanwhile. */
function settledRun(past: Past, job: string, lease: string, as: string): Run | undefined {
  const runs = past.runs.get(job)?.filter((each) => each.leases.has(lease)) ?? [];
  const committed = past.committed.get(job) ?? [];
  const completed = runs.find(({ name }) => as === 'completed' && committed.includes(name));
  return completed ?? runs.at(-1);
}

function* lostLeases(past: Past): Found {
  const settled = new Map<string, string>();
  for (const { job, lease, as } of settlements(past)) {
    const key = `${job} ${lease}`;
    const before = settled.get(key);
    // A job that ends otherwise than completed leaves two rows, in the history and among the attempts. A failure ends a
    // job that somebody asked to cancel.
    const isOne = before === as || (before === 'cancelled' && as === 'failed');
    if (before !== undefined && !isOne) yield [job, `${before} and ${as} under ${lease}`];
    settled.set(key, as);
  }
  for (const [job, rows] of past.attempts) {
    for (const { lease, ending } of rows) {
      const as = settled.get(`${job} ${lease}`);
      if (ending === 'crashed' && as !== undefined)
        yield [job, `${as} under ${lease}, which a rescue had ended`];
    }
  }
}

function isSuspect({ suspects }: Past, run: Run): boolean {
  return [...run.leases].some((lease) => suspects.has(`${run.job} ${lease}`));
}

function* sharedProcesses(past: Past): Found {
  const ofProcess = Map.groupBy(past.runNamed.values(), ({ pid }) => pid);
  for (const run of past.runNamed.values()) {
    if (!isSuspect(past, run)) continue;
    for (const other of ofProcess.get(run.pid) ?? []) {
      if (other !== run && other.beganMs < run.endedMs && run.beganMs < other.endedMs)
        yield [run.job, `${run.name} and ${other.name} of job ${other.job} ran together`];
    }
  }
}

/** Only a rescue ends a job as discarded without a lease. */
export function isQuarantined({ state, lease }: { state: string; lease: string | null }): boolean {
  return state === 'discarded' && lease === '0';
}

function* wrongQuarantines(past: Past): Found {
  for (const [job, row] of past.jobs) {
    if (!isQuarantined(row)) continue;
    const crashes = (past.attempts.get(job) ?? []).filter(({ ending }) => ending === 'crashed');
    if (crashes.length < 3) yield [job, `after ${crashes.length} crashes`];
    const last = past.runs.get(job)?.at(-1);
    if (last === undefined || !isSuspect(past, last)) yield [job, 'it never ran alone'];
    else if (last.how !== undefined) yield [job, `${last.name} ${last.how}`];
  }
}

function* wrongFires({ fires, jobs, enqueued, expected: { fireTimes } }: Past): Found {
  const of = new Map<string, string>();
  for (const { schedule, fireMs, job } of fires) {
    const name = `${schedule} at ${new Date(fireMs).toISOString()}`;
    const other = of.get(job);
    if (other !== undefined) yield [job, `it is the job of ${other} and of ${name}`];
    if (enqueued.get(job) === 'committed')
      yield [job, `${name} has the job that somebody enqueued`];
    if (!jobs.has(job)) yield [job, `the job of ${name} is not in the database`];
    of.set(job, name);
  }
  for (const [schedule, times] of Object.entries(fireTimes ?? {})) {
    const made = fires.filter((fire) => fire.schedule === schedule).map(({ fireMs }) => fireMs);
    const wanted = new Set(times);
    const counts = Map.groupBy(made, (ms) => ms);
    for (const ms of new Set([...wanted, ...made])) {
      const count = counts.get(ms)?.length ?? 0;
      if (count !== (wanted.has(ms) ? 1 : 0))
        yield ['', `${schedule} has ${count} jobs for ${new Date(ms).toISOString()}`];
    }
  }
}

function intersect(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].some((each) => other.has(each));
}
