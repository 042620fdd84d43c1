import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { DevDatabase } from '@millrace/dev-db';
import { createMillrace, type JobRequest, type Millrace, type Transaction } from 'millrace';
import { driveClock } from 'millrace/testing';
import type { Tuning } from '../../packages/millrace/src/core/tuning.ts';
import { createEffects, definitions } from '../fixtures/jobs.ts';
import { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from './database.ts';
import { checkPast, type Violation } from './history-checker.ts';
import { HistoryLog, readLog, type Fate, type LogLine } from './history-log.ts';
import { pastOf, readDatabase, type Expectations, type Past } from './history-past.ts';
import { until } from './until.ts';
import { WorkerProcess, type WorkerConfig } from './worker-process.ts';

/** Nobody is taken for dead, however slow the machine is. */
export const calm: Tuning = {
  heartbeatMs: 500,
  lookMs: 250,
  restMs: 500,
  doubtMs: 1_500,
  freeForMs: 1_000,
  graceMs: 60_000,
  silentForMs: 60_000,
  longestGapMs: 10_000,
  backstopMs: 30_000,
  pollMs: 100,
  patienceMs: 1_000,
  blockedForMs: 10_000,
};

/** The default times, ten times as fast. */
export const brisk: Tuning = {
  ...calm,
  heartbeatMs: 300,
  lookMs: 100,
  restMs: 250,
  freeForMs: 400,
  silentForMs: 1_500,
  blockedForMs: 200,
};

type Database = Pick<TestDatabase, 'query' | 'drop'>;

type WorkerOptions = Partial<Omit<WorkerConfig, 'logFile'>>;

/** For one test: a database, worker processes that run the jobs of `fixtures/jobs.ts` on it, and the log of what happens. */
export class Fleet implements AsyncDisposable {
  readonly url: string;
  /** Enqueues and looks; it runs no jobs. */
  readonly millrace: Millrace;
  readonly #database: Database;
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-fleet-'));
  readonly #log = new HistoryLog(join(this.#folder, 'history.log'));
  readonly #processes: WorkerProcess[] = [];
  #aheadMs = 0;
  #leavesFolder = false;
  #disposed: Promise<void> | undefined;

  private constructor(url: string, database: Database) {
    this.url = url;
    this.#database = database;
    this.millrace = createMillrace({ connection: url, jobs: definitions, logger: false });
    // A test that runs out of time never comes to the end of its `await using`.
    onTestFinished(() => this[Symbol.asyncDispose]());
  }

  /** On a database of its own. */
  static async create(options: TestDatabaseOptions = {}): Promise<Fleet> {
    const database = await createTestDatabase(options);
    const fleet = new Fleet(database.url, database);
    await fleet.query(createEffects);
    return fleet;
  }

  /** On a server of its own, or on a way to one, which the caller starts, breaks and stops. */
  static async on(server: Pick<DevDatabase, 'url'>): Promise<Fleet> {
    const pool = new pg.Pool({ connectionString: server.url, max: 2 });
    pool.on('error', () => {});
    const fleet = new Fleet(server.url, {
      query: async <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
        (await pool.query<Row>(text, values)).rows,
      drop: () => pool.end(),
    });
    await fleet.millrace.migrate();
    await fleet.query(createEffects);
    return fleet;
  }

  /** Runs one statement and gives its rows. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]> {
    return this.#database.query<Row>(text, values);
  }

  /** Starts a worker process and waits until its workers run. */
  async start(options: WorkerOptions = {}): Promise<WorkerProcess> {
    const started = this.launch(options);
    await started.ready();
    return started;
  }

  /** Starts a worker process and waits for nothing. */
  launch(options: WorkerOptions = {}): WorkerProcess {
    const started = new WorkerProcess({ url: this.url, tuning: calm, ...options }, this.#log);
    this.#processes.push(started);
    return started;
  }

  /** What processes that are not started here are to log to. */
  get logFile(): string {
    return this.#log.file;
  }

  /** A file that does not exist yet. */
  fileNamed(name: string): string {
    return join(this.#folder, name);
  }

  /** Enqueues jobs in a transaction of their own; answers with the ids of those that it made. */
  enqueue(...requests: readonly JobRequest[]): Promise<string[]> {
    return this.enqueueDuring(async () => {}, requests);
  }

  /** Enqueues jobs in a transaction that is committed after `work` resolves. */
  async enqueueDuring(
    work: () => Promise<unknown>,
    requests: readonly JobRequest[],
  ): Promise<string[]> {
    let jobs: string[] = [];
    let fate: Fate = 'rolled back';
    try {
      await this.millrace.transaction(async (tx) => {
        const answers = await this.millrace.enqueueMany(requests, { tx });
        jobs = answers.flatMap(({ id, status }) => (status === 'created' ? [id] : []));
        await work();
        fate = 'unknown';
      });
      fate = 'committed';
    } finally {
      this.#log.write({ what: 'enqueued', jobs, fate });
    }
    return jobs;
  }

  /** Enqueues jobs in a transaction that is rolled back. */
  async rollBack(...requests: readonly JobRequest[]): Promise<void> {
    const undo = new Error('undo');
    await this.enqueueDuring(() => Promise.reject(undo), requests).catch((error: unknown) => {
      if (error !== undo) throw error;
    });
  }

  /** Asks to cancel a job. */
  async cancel(id: string): Promise<void> {
    this.#log.write({ what: 'cancelling', job: id });
    await this.millrace.cancel(id);
  }

  /** Retries jobs, all or none. The database then knows how those that were finished had ended. */
  async bringBack(...ids: readonly string[]): Promise<void> {
    const retryAll = async (tx: Transaction) => {
      await tx.query(
        `INSERT INTO public.former_end
         SELECT id, (ARRAY['completed', 'cancelled', 'discarded'])[state - 1], lease, finished_at
           FROM millrace.job_history WHERE id = ANY ($1)`,
        [ids],
      );
      for (const id of ids) await this.millrace.retry(id, { tx });
    };
    // On one snapshot: what finishes meanwhile is not brought back.
    await this.millrace.transaction(retryAll, { isolation: 'repeatable read' });
  }

  /** Steps the database's time forward. */
  async advanceClock(byMs: number): Promise<void> {
    this.#aheadMs += byMs;
    this.#log.write({ what: 'stepping', aheadMs: this.#aheadMs });
    await using clock = await driveClock(this.url);
    await clock.advance(byMs);
  }

  /** Waits for a condition; fails at once when a worker process ends unasked. */
  async until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    intervalMs?: number,
  ): Promise<void> {
    const isLost = () => this.#processes.some((each) => each.isLost);
    await until(what, async () => isLost() || condition(), intervalMs);
    for (const each of this.#processes) each.check();
  }

  /**
   * Waits until no job is left to do, as long as there are fewer and fewer. With `stepMs` the clock is moved on by so much
   * whenever all that is left waits for its time.
   */
  async finished(stepMs = 0): Promise<void> {
    for (let left = await this.unfinished(); left > 0;) {
      const before = left;
      const isFewer = async () => {
        if (stepMs > 0 && (await this.#allWaitForTheirTime())) await this.advanceClock(stepMs);
        return (left = await this.unfinished()) < before;
      };
      await this.until(`of ${before} unfinished jobs another one is finished`, isFewer, 50);
    }
  }

  async #allWaitForTheirTime(): Promise<boolean> {
    const [row] = await this.query<{ all: boolean | null }>(
      `SELECT bool_and(state = 'scheduled' OR state = 'retryable') AS all FROM millrace.jobs
        WHERE state NOT IN ('completed', 'cancelled', 'discarded')`,
    );
    return row?.all === true;
  }

  async unfinished(): Promise<number> {
    const [row] = await this.query<{ n: number }>('SELECT count(*)::int AS n FROM millrace.job');
    return row?.n ?? 0;
  }

  /** What was logged so far. */
  history(): LogLine[] {
    return readLog(this.#log.file);
  }

  /** Every promise that was broken so far; to be asked when nothing runs. */
  async violations(expected: Expectations = {}): Promise<Violation[]> {
    return checkPast(await this.past(expected));
  }

  /** What the log and the database say of everything that happened. */
  async past(expected: Expectations = {}): Promise<Past> {
    return pastOf(this.history(), await readDatabase(this), expected);
  }

  /** Leaves the folder with the log for somebody to look at; answers where it is. */
  leaveFolder(): string {
    this.#leavesFolder = true;
    return this.#folder;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose());
  }

  async #dispose(): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.kill()));
    await this.millrace.close();
    await this.#database.drop();
    this.#log.close();
    if (!this.#leavesFolder) rmSync(this.#folder, { recursive: true, force: true });
  }
}
