import type { JobState } from '../../core/job.ts';
import { waitingState } from '../../core/lifecycle.ts';
import type { WhyFacts, WhyReader, WhyWorker } from '../../core/operator/why.ts';
import type { Row } from '../connection.ts';
import { rethrow } from '../errors.ts';
import type { Names } from '../names.ts';
import type { Pool } from '../pool.ts';
import { whyFacts } from '../sql/why.ts';
import { readBounded } from './bounded-read.ts';

/** By index whatever the statistics say. */
const settings = `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
                  SET LOCAL jit = off`;

/** A value as JSON carries it: times are texts. */
type Stored<T> = { readonly [Key in keyof T]: Date extends T[Key] ? string | null : T[Key] };

/** Reads what says why a job is where it is. */
export class PgWhyReader implements WhyReader {
  readonly #parts: { readonly names: Names; readonly pool: Pool };

  constructor(parts: { readonly names: Names; readonly pool: Pool }) {
    this.#parts = parts;
  }

  async facts(id: string): Promise<WhyFacts | null> {
    const { names, pool } = this.#parts;
    const { text } = whyFacts(names);
    const counted = await readBounded(this.#parts, whyFacts, [id, 'true'], settings);
    const [row] =
      counted ??
      (await pool
        .read(async (executor) => (await executor.query(text, [id, 'false'])).rows)
        .catch(rethrow));
    return row === undefined ? null : toFacts(row, counted !== undefined);
  }
}

function toFacts(row: Row, isCounted: boolean): WhyFacts {
  const last = row['last_attempt'] as Stored<NonNullable<WhyFacts['lastAttempt']>> | null;
  const pause = row['pause'] as Stored<NonNullable<WhyFacts['pause']>> | null;
  const served = row['last_served'] as Stored<NonNullable<WhyFacts['lastServed']>> | null;
  const owner = row['owner_worker'] as Stored<WhyWorker> | null;
  const none = { count: 0, atLeast: false };
  return {
    now: row['at'] as Date,
    job: toJob(row),
    lastAttempt: last === null ? null : { ...last, endedAt: time(last.endedAt) },
    pause: pause === null ? null : { ...pause, at: time(pause.at) },
    workers: (row['workers'] as Stored<WhyWorker>[]).map(toWorker),
    owner: owner === null ? null : toWorker(owner),
    claimedBefore: row['claimed_before'] as number,
    ahead: isCounted
      ? ((row['ahead'] as WhyFacts['ahead']) ?? { higher: none, earlier: none })
      : null,
    lastServed: served === null ? null : { ...served, at: time(served.at) },
  };
}

function toJob(row: Row): WhyFacts['job'] {
  const runAt = row['run_at'] as Date | null;
  const attempt = row['attempt'] as number;
  return {
    id: row['id'] as string,
    kind: row['kind'] as string,
    payloadVersion: row['payload_version'] as number,
    queue: row['queue'] as string,
    priority: row['priority'] as number,
    state: stateOf(row['state'] as number, attempt, runAt !== null && runAt <= (row['at'] as Date)),
    attempt,
    maxAttempts: row['max_attempts'] as number,
    crashes: row['crashes'] as number,
    createdAt: row['created_at'] as Date,
    runAt,
    claimedAt: row['claimed_at'] as Date | null,
    finishedAt: row['finished_at'] as Date | null,
    reason: row['reason'] as string | null,
    ranOn: row['ran_on'] as string | null,
    cancelRequested: row['cancel_requested'] as boolean,
  };
}

/** By the number that is stored; a job that waits is told apart by its time. */
const states: readonly (JobState | undefined)[] = [
  undefined,
  'running',
  'completed',
  'cancelled',
  'discarded',
];

function stateOf(stored: number, attempt: number, isDue: boolean): JobState {
  return states[stored] ?? waitingState({ attempt, dueInMs: isDue ? 0 : 1 });
}

function toWorker(stored: Stored<WhyWorker>): WhyWorker {
  const { seenAt, blockedSince } = stored;
  return {
    ...stored,
    seenAt: time(seenAt),
    blockedSince: blockedSince === null ? null : time(blockedSince),
  };
}

function time(stored: string | null): Date {
  return new Date(stored ?? Number.NaN);
}
