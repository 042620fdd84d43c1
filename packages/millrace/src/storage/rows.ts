import type {
  AttemptEnding,
  AttemptError,
  AttemptRecord,
  ClaimedJob,
  Job,
  JobState,
} from '../core/job.ts';
import type { Json } from '../core/json.ts';
import type { NewJob, SettleRequest } from '../core/storage.ts';
import type { Row } from './connection.ts';

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
  };
}

export function toAttempt(row: Row): AttemptRecord {
  return {
    attempt: row['attempt'] as number,
    ending: row['ending'] as AttemptEnding,
    startedAt: row['started_at'] as Date | null,
    endedAt: row['ended_at'] as Date,
    worker: row['worker'] as string | null,
    error: row['error'] as AttemptError | null,
  };
}

/** The rows of a claim in the order in which they are to run: priority, due time to the microsecond, id. */
export function toClaimed(rows: readonly Row[], lease: string): ClaimedJob[] {
  return rows
    .filter((row) => row['id'] !== null)
    .toSorted(
      (a, b) =>
        (b['priority'] as number) - (a['priority'] as number) ||
        Number(a['run_at_us']) - Number(b['run_at_us']) ||
        Number(BigInt(a['id'] as string) - BigInt(b['id'] as string)),
    )
    .map((row) => ({
      id: row['id'] as string,
      lease,
      kind: row['kind'] as string,
      queue: row['queue'] as string,
      priority: row['priority'] as number,
      attempt: row['attempt'] as number,
      maxAttempts: row['max_attempts'] as number,
      crashes: row['crashes'] as number,
      createdAt: row['created_at'] as Date,
      scheduledAt: row['scheduled_at'] as Date,
      claimedAt: row['claimed_at'] as Date,
      payload: row['payload'] as Json,
      meta: (row['meta'] ?? {}) as ClaimedJob['meta'],
      policy: (row['policy'] ?? {}) as ClaimedJob['policy'],
    }));
}

/** Jobs as the JSON text that `enqueue_jobs` reads. Empty objects are left out: null takes no room in a row. */
export function toRecords(jobs: readonly NewJob[]): string {
  const filled = (value: object) => (Object.keys(value).length === 0 ? undefined : value);
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
    })),
  );
}

const verdicts = { completed: 2, cancelled: 3, discarded: 4 } as const;
const endings = { cancelled: 'cancelled', discarded: 'discarded' } as const;

/** Settlements as the columns that the statement `settle` unnests. */
export function toSettleColumns(requests: readonly SettleRequest[]): unknown[][] {
  const columns: unknown[][] = Array.from({ length: 11 }, () => []);
  for (const request of requests) {
    for (const [index, value] of settleRow(request).entries()) columns[index]?.push(value);
  }
  return columns;
}

/** The same for one, as the texts that PostgreSQL reads arrays from. */
export function toSettleTexts(request: SettleRequest): string[] {
  return settleRow(request).map((value) =>
    value === null ? '{NULL}' : `{"${String(value).replaceAll(/["\\]/g, '\\$&')}"}`,
  );
}

/** id, lease, verdict, keep, result, reason, delay, from due, attempt counts, ending, error. */
function settleRow({ id, lease, settlement }: SettleRequest): (string | number | boolean | null)[] {
  switch (settlement.type) {
    case 'finish': {
      const { state, keep, result, reason, error } = settlement;
      const ending = state === 'completed' ? null : endings[state];
      const resultText = result === null ? null : JSON.stringify(result);
      return [
        id,
        lease,
        verdicts[state],
        keep,
        resultText,
        reason,
        0,
        false,
        true,
        ending,
        toText(error),
      ];
    }
    case 'wait': {
      const { delay, attemptCounts, error } = settlement;
      const ending: AttemptEnding | null = error === null ? null : 'failed';
      return [
        id,
        lease,
        0,
        true,
        null,
        null,
        delay.ms,
        delay.from === 'due',
        attemptCounts,
        ending,
        toText(error),
      ];
    }
    case 'giveBack':
      return [id, lease, 1, true, null, null, 0, false, false, null, null];
  }
}

function toText(error: AttemptError | null): string | null {
  return error === null ? null : JSON.stringify(error);
}
