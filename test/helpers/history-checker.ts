import type { LogLine } from './history-log.ts';
import {
  pastOf,
  type DatabaseState,
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
  const past = pastOf(log, database, expected);
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
  const { jobs, enqueued, runs, fires } = past;
  const fired = new Set(fires.map(({ job }) => job));
  for (const job of new Set([...jobs.keys(), ...runs.keys()])) {
    const fate = enqueued.get(job);
    if (fate === 'rolled back') yield [job, 'its transaction was rolled back'];
    else if (fate === undefined && !fired.has(job)) yield [job, 'nobody enqueued it'];
    else if (fate === 'unknown' && !jobs.has(job)) yield [job, 'it ran and is not in the database'];
  }
  for (const [job, fate] of enqueued) {
    if (typeof fate !== 'object') continue;
    const isThere = jobs.has(job) || runs.has(job);
    const counts = isSettledRun(past, fate.of);
    if (isThere !== counts)
      yield [
        job,
        `it is ${isThere ? '' : 'not '}there, and run ${fate.of} was ${counts ? '' : 'not '}completed`,
      ];
  }
}

/** Whether a run is the one that completed its job: in a transaction the last one under the lease. */
function isSettledRun({ jobs, runs, runNamed }: Past, name: string): boolean {
  const run = runNamed.get(name);
  const row = run && jobs.get(run.job);
  if (run === undefined || row?.state !== 'completed' || row.lease === null) return false;
  const { lease } = row;
  return runs.get(run.job)?.findLast((each) => each.leases.has(lease)) === run;
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
  return (
    rows.some(({ lease, endedMs }) => run.leases.has(lease) && endedMs <= beforeMs) ||
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

/** Only failures and the present or last attempt count; crashes, snoozes and stops do not. */
function* miscountedAttempts({ jobs, runs, attempts }: Past): Found {
  for (const [job, { state, attempt, lease }] of jobs) {
    const failures = (attempts.get(job) ?? []).filter(({ ending }) => ending === 'failed');
    const isUnderWay = state === 'running' || (lease !== null && lease !== '0');
    const counted = failures.length + (isUnderWay ? 1 : 0);
    if (attempt !== counted) yield [job, `attempt is ${attempt}, and ${counted} count`];
    for (const [index, run] of (runs.get(job) ?? []).entries()) {
      const earlier = runs.get(job)?.slice(0, index) ?? [];
      const before = failures.filter((row) => earlier.some((each) => each.leases.has(row.lease)));
      if (run.attempt !== before.length + 1)
        yield [job, `${run.name} was attempt ${run.attempt} after ${before.length} failures`];
    }
  }
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
function* settlements({ jobs, attempts }: Past): Iterable<{
  job: string;
  lease: string;
  as: string;
  atMs: number;
}> {
  for (const [job, { state, lease, finishedMs }] of jobs) {
    if (lease === null || finishedMs === null || lease === '0') continue;
    const rescued = (attempts.get(job) ?? []).some(
      (row) => row.ending === 'crashed' && row.lease === lease && row.endedMs === finishedMs,
    );
    if (!(rescued && state === 'cancelled')) yield { job, lease, as: state, atMs: finishedMs };
  }
  for (const [job, rows] of attempts) {
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
    const run = past.runs.get(job)?.findLast((each) => each.leases.has(lease));
    const ended = run?.endedWallMs;
    // Given back before it began, when somebody had asked to cancel it.
    const isReturned = as === 'cancelled' && past.putBackMs.has(`${job} ${lease}`);
    if (run === undefined && isReturned) continue;
    if (run === undefined) yield [job, `${as} under ${lease}, and no run began under it`];
    else if (ended === undefined) yield [job, `${as}, and ${run.name} did not end`];
    else if (ended > atMs) yield [job, `${as} ${ended - atMs} ms before ${run.name} ended`];
    else if (as === 'completed' && run.how !== 'returned')
      yield [job, `completed, and ${run.name} ${run.how}`];
  }
}

function* lostLeases(past: Past): Found {
  const settled = new Map<string, string>();
  for (const { job, lease, as } of settlements(past)) {
    const key = `${job} ${lease}`;
    const before = settled.get(key);
    // A job that ends otherwise than completed leaves two rows, in the history and among the attempts.
    if (before !== undefined && before !== as) yield [job, `${before} and ${as} under ${lease}`];
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
function* wrongQuarantines(past: Past): Found {
  for (const [job, { state, lease }] of past.jobs) {
    if (state !== 'discarded' || lease !== '0') continue;
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
    if (enqueued.has(job)) yield [job, `${name} has the job that somebody enqueued`];
    if (!jobs.has(job)) yield [job, `the job of ${name} is not in the database`];
    of.set(job, name);
  }
  for (const [schedule, times] of Object.entries(fireTimes ?? {})) {
    const made = fires.filter((fire) => fire.schedule === schedule).map(({ fireMs }) => fireMs);
    const odd = times.concat(made).filter((ms) => count(times, ms) !== 1 || count(made, ms) !== 1);
    for (const ms of new Set(odd))
      yield ['', `${schedule} has ${count(made, ms)} jobs for ${new Date(ms).toISOString()}`];
  }
}

function count(times: readonly number[], ms: number): number {
  return times.filter((time) => time === ms).length;
}

function intersect(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return [...one].some((each) => other.has(each));
}
