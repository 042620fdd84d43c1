import type { AttemptError } from '../../core/job.ts';
import type {
  ActivityFilter,
  ActivityPlace,
  ActivityReader,
  EndedActivity,
  Horizon,
  JobActivity,
  RunningActivity,
} from '../../core/operator/activity.ts';
import type { Row } from '../connection.ts';
import { rethrow } from '../errors.ts';
import type { Names } from '../names.ts';
import type { Pool } from '../pool.ts';
import {
  activityHorizon,
  attemptActivity,
  enqueuedActivity,
  finishedActivity,
  runningActivity,
} from '../sql/activity.ts';
import type { StatementOf } from '../sql/statement.ts';
import { readBounded } from './bounded-read.ts';

/** What happens to jobs, read from where it is written down. */
export class PgActivity implements ActivityReader {
  readonly #parts: { readonly names: Names; readonly pool: Pool };

  constructor(parts: { names: Names; pool: Pool }) {
    this.#parts = parts;
  }

  async horizon(overlapMs: number): Promise<Horizon> {
    const [row] = await this.#read(activityHorizon, [String(overlapMs)]);
    const number = (column: string) => BigInt(row?.[column] as string);
    return { nowUs: number('now_us'), safeUs: number('safe_us'), newestId: number('newest_id') };
  }

  async finished(after: ActivityPlace, filter: ActivityFilter, limit: number) {
    return this.#ended(finishedActivity, after, filter, limit);
  }

  async attempts(after: ActivityPlace, filter: ActivityFilter, limit: number) {
    return this.#ended(attemptActivity, after, filter, limit);
  }

  async enqueued(
    afterId: bigint,
    { kind, queue }: ActivityFilter,
    limit: number,
  ): Promise<readonly JobActivity[]> {
    const values = [String(afterId), kind ?? null, queue ?? null, String(limit)];
    return (await this.#read(enqueuedActivity, values)).map((row) => ({
      ...toActivity(row),
      event: 'enqueued',
    }));
  }

  async running({ kind, queue }: ActivityFilter): Promise<readonly RunningActivity[] | null> {
    const rows = await readBounded(this.#parts, runningActivity, [kind ?? null, queue ?? null]);
    if (rows === undefined) return null;
    return rows.map((row) => ({
      activity: { ...toActivity(row), event: 'started' },
      claimedAt: row['at'] as Date,
    }));
  }

  async #ended(
    of: StatementOf,
    { us, id }: ActivityPlace,
    { kind, queue }: ActivityFilter,
    limit: number,
  ): Promise<EndedActivity[]> {
    const values = [String(us), String(id), kind ?? null, queue ?? null, String(limit)];
    return (await this.#read(of, values)).map(toEnded);
  }

  async #read(of: StatementOf, values: readonly (string | null)[]): Promise<Row[]> {
    const { names, pool } = this.#parts;
    const { text } = of(names);
    return pool.read(async (executor) => (await executor.query(text, values)).rows).catch(rethrow);
  }
}

function toActivity(row: Row): Omit<JobActivity, 'event'> {
  return {
    at: row['at'] as Date,
    id: row['id'] as string,
    kind: row['kind'] as string | null,
    queue: row['queue'] as string | null,
    attempt: (row['attempt'] ?? 0) as number,
    worker: (row['worker'] ?? null) as string | null,
    durationMs: null,
    reason: (row['reason'] ?? null) as string | null,
    error: (row['error'] ?? null) as AttemptError | null,
  };
}

function toEnded(row: Row): EndedActivity {
  const at = row['at'] as Date;
  const claimedAt = row['claimed_at'] as Date | null;
  const activity = toActivity(row);
  // A job that waited when it ended has the claim of an earlier attempt, and no worker.
  const durationMs =
    claimedAt === null || activity.worker === null ? null : at.getTime() - claimedAt.getTime();
  return {
    place: { us: BigInt(row['us'] as string), id: BigInt(row['id'] as string) },
    activity: { ...activity, event: row['event'] as JobActivity['event'], durationMs },
    createdAt: row['created_at'] as Date | null,
    claimedAt,
  };
}
