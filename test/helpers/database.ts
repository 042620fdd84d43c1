import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { inject } from 'vitest';
import { databaseUrl } from './database-url.ts';
import { templateName } from './template.ts';

export interface TestDatabaseOptions {
  /** The database to copy; default is the one with the schema of Millrace, `'template0'` gives an empty one. */
  readonly template?: string;
  /** The isolation level of transactions that name none. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
}

/** A database of its own for one test or one file. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** A pool that `drop()` closes. */
  pool(options?: pg.PoolConfig): pg.Pool;
  /** Runs one statement and gives its rows. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Closes the pools, disconnects everybody else and removes the database; safe to call twice. */
  drop(): Promise<void>;
}

export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await withAdmin((admin) => create(admin, name, options));
  const url = databaseUrl(inject('adminUrl'), name);
  const pools: pg.Pool[] = [];
  const pool = (config: pg.PoolConfig = {}) => {
    const made = new pg.Pool({ connectionString: url, max: 4, ...config });
    // Dropping the database cuts the idle connections of tests that forgot to close theirs.
    made.on('error', () => {});
    pools.push(made);
    return made;
  };
  let own: pg.Pool | undefined;
  const drop = async () => {
    const open = pools.splice(0).filter(({ ended }) => !ended);
    await Promise.all(open.map((each) => each.end()));
    await withAdmin((admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  };
  return {
    url,
    name,
    pool,
    async query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]) {
      own ??= pool();
      return (await own.query<Row>(text, values)).rows;
    },
    drop,
    [Symbol.asyncDispose]: drop,
  };
}

export async function withAdmin<T>(work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: inject('adminUrl') });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

const templateInUse = '55006';
const firstVersionWithStrategy = 150_000;
const createTries = 100;

async function create(
  admin: pg.Client,
  name: string,
  { template = templateName, isolation }: TestDatabaseOptions,
): Promise<void> {
  const version = await admin.query<{ n: number }>(
    `SELECT current_setting('server_version_num')::int AS n`,
  );
  const strategy =
    (version.rows[0]?.n ?? 0) >= firstVersionWithStrategy ? 'STRATEGY file_copy' : '';
  await retryWhileInUse(() =>
    admin.query(`CREATE DATABASE ${name} TEMPLATE ${pg.escapeIdentifier(template)} ${strategy}`),
  );
  if (isolation !== undefined) {
    await admin.query(
      `ALTER DATABASE ${name} SET default_transaction_isolation = ${pg.escapeLiteral(isolation)}`,
    );
  }
}

/** A template cannot be copied while somebody is connected to it, such as a worker of autovacuum. */
async function retryWhileInUse(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await work();
      return;
    } catch (error) {
      const again = error instanceof pg.DatabaseError && error.code === templateInUse;
      if (!again || tries === createTries) throw error;
      await sleep(20);
    }
  }
}
