import type {
  AttemptEnding,
  AttemptError,
  AttemptRecord,
  ClaimedJob,
  Job,
  JobState,
  LogLine,
} from '../core/job.ts';
import type { Json } from '../core/json.ts';
import type { JobProgress } from '../core/progress.ts';
import type { Completion, NewJob, SettleRequest, UnservedJobs } from '../core/storage.ts';
import type { Row } from './connection.ts';
import type { FoundJob, FoundLane, Route } from './lane-cursor.ts';
import { claimedAt } from './sql/claimed-job.ts';

/** A row of the view `jobs`. */
export function toJob(row: Row): Omit<Job, 'attempts'> {
  return {
    id: row['id'] as string,
    kind: row['kind'] as string,
    state: row['state'] as JobState,
    queue: row['queue'] as string,
    priority: row['priority'] as number,
    attempt: row['attempt'] as number,
    maxAttempts: row['max_attempts'] as number,
    crashes: row['crashes'] as number,
    payload: row['payload'] as Json,
    tags: row['tags'] as string[],
    uniqueKey: row['unique_key'] as string | null,
    createdAt: row['created_at'] as Date,
    scheduledAt: row['scheduled_at'] as Date,
    claimedAt: row['claimed_at'] as Date | null,
    finishedAt: row['finished_at'] as Date | null,
    result: row['result'] as Json,
    reason: row['reason'] as string | null,
    cancelRequested: row['cancel_requested'] as boolean,
    progress: toProgress(row),
  };
}

/** Only the rows of `get` say it. */
function toProgress(row: Row): JobProgress | null {
  if ((row['reported_at'] ?? null) === null) return null;
  return {
    percent: row['percent'] as number,
    note: row['note'] as string | null,
    attempt: row['progress_attempt'] as number,
    reportedAt: row['reported_at'] as Date,
  };
}

/** A line as JSON has it. */
type StoredLine = Omit<LogLine, 'at'> & { readonly at: string };

export function toAttempt(row: Row): AttemptRecord {
  return {
    attempt: row['attempt'] as number,
    ending: row['ending'] as AttemptEnding,
    startedAt: row['started_at'] as Date | null,
    endedAt: row['ended_at'] as Date,
    worker: row['worker'] as string | null,
    error: row['error'] as AttemptError | null,
    logs: ((row['logs'] ?? []) as StoredLine[]).map((line) => ({ ...line, at: new Date(line.at) })),
  };
}

/** A row of a claim, by position (`claimedAt`). */
type ClaimedRow = readonly unknown[];

/** The rows of a claim that carry jobs, as they are to run: by priority, due time to the microsecond, id. */
export function inOrder(rows: readonly ClaimedRow[]): ClaimedRow[] {
  return rows
    .slice(1)
    .toSorted(
      (a, b) =>
        priorityOf(b) - priorityOf(a) ||
        compareWhole(a[claimedAt.run_at_us], b[claimedAt.run_at_us]) ||
        compareWhole(a[claimedAt.id], b[claimedAt.id]),
    );
}

/** Whole numbers above zero, as the texts that they come as. */
function compareWhole(a: unknown, b: unknown): number {
  const [one, other] = [a as string, b as string];
  if (one === other) return 0;
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : 1;
}

function priorityOf(row: ClaimedRow): number {
  return (row[claimedAt.priority] as number | null) ?? 0;
}

/** Most jobs have neither. */
const nothing = Object.freeze({});

export function toClaimed(row: ClaimedRow, lease: string, claimedMs: number): ClaimedJob {
  const runAtUs = row[claimedAt.run_at_us];
  return {
    id: row[claimedAt.id] as string,
    lease,
    kind: row[claimedAt.kind] as string,
    queue: row[claimedAt.queue] as string,
    priority: priorityOf(row),
    attempt: row[claimedAt.attempt] as number,
    maxAttempts: row[claimedAt.max_attempts] as number,
    crashes: (row[claimedAt.crashes] as number | null) ?? 0,
    createdMs: Number(row[claimedAt.created_us] ?? runAtUs) / 1_000,
    scheduledMs: Number(row[claimedAt.scheduled_us] ?? runAtUs) / 1_000,
    claimedMs,
    payload: row[claimedAt.payload] as Json,
    meta: row[claimedAt.meta] ?? nothing,
    policy: row[claimedAt.policy] ?? nothing,
    payloadVersion: (row[claimedAt.payload_version] as number | null) ?? 1,
  };
}

/** Where a job lies that is ready, or was when it was claimed. */
function toFoundJob(row: Row): FoundJob {
  return {
    queue: row['queue'] as string,
    priority: row['priority'] as number,
    place: { us: Number(row['run_at_us']), id: row['id'] as string },
  };
}

/** Of the jobs that a settlement lets wait again, the first of each lane. */
export function toFirstWaiting(rows: readonly Row[]): FoundJob[] {
  const lanes = new Map<string, FoundJob>();
  for (const row of rows) {
    if (row['queue'] === null) continue;
    const job = toFoundJob(row);
    const lane = `${job.priority} ${job.queue}`;
    const first = lanes.get(lane);
    if (first === undefined || job.place.us < first.place.us) lanes.set(lane, job);
  }
  return [...lanes.values()];
}

/** What jobs in their order say of their lanes. */
export function toFoundLanes(rows: readonly ClaimedRow[]): FoundLane[] {
  const lanes = new Map<unknown, Map<number, { last: ClaimedRow; jobs: number }>>();
  for (const row of rows) {
    const name = row[claimedAt.queue];
    const queue = lanes.get(name) ?? new Map<number, { last: ClaimedRow; jobs: number }>();
    lanes.set(name, queue);
    const priority = priorityOf(row);
    const lane = queue.get(priority);
    if (lane === undefined) queue.set(priority, { last: row, jobs: 1 });
    else {
      lane.last = row;
      lane.jobs += 1;
    }
  }
  return [...lanes].flatMap(([queue, ofQueue]) =>
    [...ofQueue].map(([priority, { last, jobs }]) => ({
      queue: queue as string,
      priority,
      place: { us: Number(last[claimedAt.run_at_us]), id: last[claimedAt.id] as string },
      jobs,
    })),
  );
}

/** A route as the first columns of the statement `claim`. */
export function toRouteColumns({ wanted, lanes }: Route): unknown[] {
  const ends = lanes.reduce<number[]>(
    (before, own) => [...before, (before.at(-1) ?? 0) + own.length],
    [],
  );
  const all = lanes.flat();
  return [
    wanted.map(({ queue }) => queue),
    wanted.map(({ limit }) => limit),
    ends.map((end, index) => end - (lanes[index]?.length ?? 0) + 1),
    ends,
    numbers(all.map(({ priority }) => priority)),
    numbers(all.map(({ behind }) => behind.us)),
    numbers(all.map(({ behind }) => behind.id)),
  ];
}

/** Empty objects are left out: null takes no room in a row. */
const filled = (value: object) => (Object.keys(value).length === 0 ? undefined : value);

/** A job as the parameters of the statement `enqueue_one`. */
export function toColumns(job: NewJob): (string | null)[] {
  const text = (value: object | undefined) => (value === undefined ? null : JSON.stringify(value));
  return [
    job.kind,
    job.queue,
    String(job.priority),
    String(job.maxAttempts),
    JSON.stringify(job.payload),
    text(filled(job.meta)),
    text(filled(job.policy)),
    String((job.delayMs ?? 0) / 1_000),
    job.scheduledAt?.toISOString() ?? null,
    String(job.payloadVersion ?? 1),
  ];
}

export function toUnserved(row: Row): UnservedJobs {
  return {
    queue: row['queue'] as string,
    kind: row['kind'] as string,
    newerVersion: row['newer_version'] as number | null,
    jobs: row['jobs'] as number,
    oldestMs: row['oldest_ms'] as number,
  };
}

/** Jobs as the JSON text that `enqueue_jobs` reads. */
export function toRecords(jobs: readonly NewJob[]): string {
  return JSON.stringify(
    jobs.map((job) => ({
      kind: job.kind,
      queue: job.queue,
      priority: job.priority,
      max_attempts: job.maxAttempts,
      payload: job.payload,
      meta: filled(job.meta),
      policy: filled(job.policy),
      delay_ms: job.delayMs,
      scheduled_at: job.scheduledAt?.toISOString(),
      unique_key: job.uniqueKey,
      payload_version: job.payloadVersion,
    })),
  );
}

/** Jobs without unique keys as the parameters of the statement `enqueue_batch`. */
export function toBatch(jobs: readonly NewJob[]): (string | null)[] {
  const texts = (of: (job: NewJob) => string | undefined) => {
    const all = jobs.map(of);
    if (all.every((text) => text === undefined)) return null;
    return `{${all.map((text) => text ?? 'NULL').join(',')}}`;
  };
  const objects = (of: (job: NewJob) => object) =>
    texts((job) => {
      const value = filled(of(job));
      return value === undefined ? undefined : quotedJson(value);
    });
  return [
    texts(({ kind }) => quoted(kind)),
    texts(({ queue }) => quoted(queue)),
    texts(({ priority }) => String(priority)),
    texts(({ maxAttempts }) => String(maxAttempts)),
    texts(({ payload }) => quotedJson(payload)),
    objects(({ meta }) => meta),
    objects(({ policy }) => policy),
    texts(({ delayMs }) => delayMs?.toString()),
    texts(({ scheduledAt }) => scheduledAt && quoted(scheduledAt.toISOString())),
    texts(({ payloadVersion }) => payloadVersion?.toString()),
  ];
}

/** A text as an element of an array's text. */
function quoted(text: string): string {
  const escaped = /["\\]/.test(text) ? text.replaceAll(/["\\]/g, String.raw`\$&`) : text;
  return `"${escaped}"`;
}

/** A value's JSON as such an element: JSON escapes whatever else a text may hold, so of the two only quotes and backslashes are left. */
function quotedJson(value: unknown): string {
  return JSON.stringify(JSON.stringify(value));
}

/** Completions as the last columns of the statement `complete_and_claim`. */
export function toCompletedColumns(completions: readonly Completion[]): unknown[] {
  return [
    numbers(completions.map(({ id }) => id)),
    numbers(completions.map(({ lease }) => lease)),
    numbers(completions.map(({ settlement }) => settlement.keep)),
    completions.map(({ settlement: { result } }) =>
      result === null ? null : JSON.stringify(result),
    ),
  ];
}

/** An array literal of what needs no quotes: several times cheaper than to let the driver look at every element. */
function numbers(values: readonly (number | string | boolean)[]): string {
  return `{${values.join(',')}}`;
}

const verdicts = { completed: 2, cancelled: 3, discarded: 4 } as const;
const endings = { cancelled: 'cancelled', discarded: 'discarded' } as const;

/** Settlements as the parameters of the statement `settle`: the texts of arrays. */
export function toSettleColumns(requests: readonly SettleRequest[]): string[] {
  const rows = requests.map(settleRow);
  return Array.from({ length: 12 }, (_, at) => `{${rows.map((row) => row[at]).join(',')}}`);
}

/** id, lease, verdict, keep, result, reason, delay, from due, attempt counts, ending, error, logs; as elements of arrays. */
function settleRow({ id, lease, settlement, logs = null }: SettleRequest): unknown[] {
  switch (settlement.type) {
    case 'finish': {
      const { state, keep, result, reason, error } = settlement;
      const ending = state === 'completed' ? endingOfCompleted(keep, logs) : endings[state];
      const why = reason === null ? 'NULL' : quoted(reason);
      const more = [ending ?? 'NULL', jsonOrNull(error), jsonOrNull(ending && logs)];
      return [id, lease, verdicts[state], keep, jsonOrNull(result), why, 0, false, true, ...more];
    }
    case 'wait': {
      const { delay, attemptCounts, error } = settlement;
      const ending: AttemptEnding | null = error === null ? null : 'failed';
      const more = [ending ?? 'NULL', jsonOrNull(error), jsonOrNull(ending && logs)];
      const isFromDue = delay.from === 'due';
      return [id, lease, 0, true, 'NULL', 'NULL', delay.ms, isFromDue, attemptCounts, ...more];
    }
    case 'giveBack': {
      const none = ['NULL', 'NULL', 'NULL'];
      return [id, lease, 1, true, 'NULL', 'NULL', settlement.delayMs ?? 0, false, false, ...none];
    }
  }
}

/** A job that leaves no row in the history leaves no attempt either. */
function endingOfCompleted(keep: boolean, logs: readonly LogLine[] | null): AttemptEnding | null {
  return keep && logs !== null ? 'completed' : null;
}

function jsonOrNull(value: Json | object): string {
  return value === null ? 'NULL' : quotedJson(value);
}
