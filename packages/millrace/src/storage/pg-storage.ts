import { MillraceError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Job } from '../core/job.ts';
import type {
  CancelAnswer,
  NewJob,
  PendingMigration,
  RetryAnswer,
  Storage,
  StoredJob,
  WorkSession,
} from '../core/storage.ts';
import type { Executor, IsolationLevel, Transaction } from '../core/transaction.ts';
import { Caller } from './caller.ts';
import type { Row } from './connection.ts';
import { rethrow } from './errors.ts';
import { executorOf } from './executors/executor-of.ts';
import { migrate, pending, verifySchema } from './migrations/runner.ts';
import type { Names } from './names.ts';
import { PgJobFinder } from './operator/job-finder.ts';
import { PgJobOperator } from './operator/job-operator.ts';
import type { Pool } from './pool.ts';
import { onStandby, type Route } from './route.ts';
import { toAttempt, toBatch, toColumns, toJob, toRecords } from './rows.ts';
import { cancelJob, enqueueBatch, enqueueJobs, enqueueOne, retryJob } from './sql/enqueue.ts';
import { getAttempts, getJob } from './sql/inspect.ts';
import { createPartitions } from './sql/partitions.ts';
import { TurnMates } from './turn-mates.ts';
import { PgWorkSession } from './work-session.ts';

/** From so many jobs on arrays cost less than JSON. */
const batchFrom = 10;

/** The oldest server that is worked with at all; what is supported is one newer. */
const oldestServer = 140_000;

/** The port to PostgreSQL, implemented. */
export class PgStorage implements Storage {
  readonly finder: PgJobFinder;
  readonly operator: PgJobOperator;
  readonly #names: Names;
  readonly #pool: Pool;
  readonly #direct: Route;
  readonly #clock: Clock;
  readonly #label: string;
  readonly #caller: Caller;
  readonly #turnMates = new TurnMates((jobs) => this.#enqueueMates(jobs));
  #session: WorkSession | undefined;

  constructor(parts: { names: Names; pool: Pool; direct: Route; clock: Clock; label: string }) {
    this.#names = parts.names;
    this.#pool = parts.pool;
    this.#direct = parts.direct;
    this.#clock = parts.clock;
    this.#label = parts.label;
    this.#caller = new Caller(parts.names, parts.pool);
    this.finder = new PgJobFinder(parts);
    this.operator = new PgJobOperator(this.#caller);
  }

  async migrate(): Promise<readonly string[]> {
    const applied = await this.#pool
      .session(async (client) => {
        await refuseServer(client);
        return migrate(client, this.#names);
      })
      .catch(rethrow);
    await this.#caller.call(createPartitions, []);
    return applied;
  }

  /** What `migrate` would run. */
  async pendingMigrations(): Promise<readonly PendingMigration[]> {
    return this.#pool.session((client) => pending(client, this.#names)).catch(rethrow);
  }

  async verify(): Promise<void> {
    await this.#pool
      .session(async (client) => {
        await refuseServer(client);
        await verifySchema(client, this.#names);
      })
      .catch(rethrow);
  }

  executorOf(handle: unknown): Executor {
    return executorOf(handle);
  }

  async enqueue(jobs: readonly NewJob[], on?: Executor): Promise<StoredJob[]> {
    const [one] = jobs;
    if (one === undefined) return [];
    // What a unique key belongs to may wait for somebody's transaction, and nothing else is to wait with it.
    if (on === undefined && jobs.length === 1 && one.uniqueKey === undefined)
      return [await this.#turnMates.add(one)];
    return this.#enqueue(jobs, on);
  }

  async #enqueueMates(jobs: readonly NewJob[]): Promise<StoredJob[]> {
    const [one, ...more] = jobs;
    if (one === undefined || more.length > 0) return this.#enqueue(jobs);
    const [row] = await this.#caller.call(enqueueOne, toColumns(one));
    const notified = row?.['told'] === true;
    return [{ status: 'created', id: row?.['id'] as string, notified }];
  }

  async #enqueue(jobs: readonly NewJob[], on?: Executor): Promise<StoredJob[]> {
    if (jobs.length >= batchFrom && jobs.every(({ uniqueKey }) => uniqueKey === undefined)) {
      const [row] = await this.#caller.call(enqueueBatch, toBatch(jobs), on);
      const ids = String(row?.['ids']).slice(1, -1).split(',');
      return ids.map((id) => ({ status: 'created', id, notified: null }));
    }
    const rows = await this.#caller.call(enqueueJobs, [toRecords(jobs)], on);
    const answers: StoredJob[] = Array.from({ length: jobs.length });
    for (const row of rows) {
      answers[Number(row['place']) - 1] = {
        status: row['created'] === true ? 'created' : 'deduplicated',
        id: row['id'] as string,
        notified: null,
      };
    }
    return answers;
  }

  async transaction<T>(
    isolation: IsolationLevel,
    body: (tx: Transaction) => Promise<T>,
  ): Promise<T> {
    return this.#pool.transaction(isolation, body);
  }

  async get(id: string, attemptsShown: number): Promise<Job | null> {
    return this.#pool
      .read(async (executor) => {
        const [row] = (await executor.query(getJob(this.#names).text, [id])).rows;
        if (row === undefined) return null;
        const attempts = await executor.query(getAttempts(this.#names).text, [
          id,
          String(attemptsShown),
        ]);
        return { ...toJob(row), attempts: attempts.rows.map(toAttempt).toReversed() };
      })
      .catch(rethrow);
  }

  async cancel(id: string, reason: string, on?: Executor): Promise<CancelAnswer> {
    const [row] = await this.#caller.call(cancelJob, [id, reason], on);
    const { status, state } = row ?? {};
    return (typeof state === 'string' ? { status, state } : { status }) as CancelAnswer;
  }

  async retry(id: string, on?: Executor): Promise<RetryAnswer> {
    const [row] = await this.#caller.call(retryJob, [id], on);
    if (row?.['status'] !== 'available') return { status: row?.['status'] } as RetryAnswer;
    return { status: 'available', from: row['state'] } as RetryAnswer;
  }

  session(): WorkSession {
    return (this.#session ??= new PgWorkSession({
      names: this.#names,
      route: this.#direct,
      pool: this.#pool,
      clock: this.#clock,
      label: this.#label,
    }));
  }

  connections(): { readonly engine: number; readonly pool: number } {
    return { engine: this.#direct.sessions, pool: this.#pool.size };
  }

  async close(): Promise<void> {
    await this.#session?.close();
    await this.#pool.close();
  }
}

interface Queryable {
  query(text: string): Promise<{ rows: Row[] }>;
}

/** @throws MILLRACE_DB_TOO_OLD, MILLRACE_DB_READ_ONLY */
async function refuseServer(client: Queryable): Promise<void> {
  const { rows } = await client.query(
    `SELECT pg_catalog.current_setting('server_version_num')::int AS version,
            pg_catalog.current_setting('server_version') AS shown, pg_catalog.pg_is_in_recovery() AS standby`,
  );
  const server = rows[0];
  if (Number(server?.['version']) < oldestServer) {
    throw new MillraceError(
      'MILLRACE_DB_TOO_OLD',
      `the server is PostgreSQL ${String(server?.['shown'])}`,
    );
  }
  if (server?.['standby'] === true) throw onStandby();
}
