import pg from 'pg';
import { MillraceError } from '../core/errors.ts';
import type { ConnectionConfig, ConnectionPool } from '../core/millrace.ts';
import type { Names } from './names.ts';
import type { Statement, StatementOf } from './sql/statement.ts';

/** How to reach the database, as `pg` wants it. */
export type ClientConfig = pg.ClientConfig;

export type Row = Record<string, unknown>;

const connectTimeoutMs = 10_000;

/**
 * A query without an answer for this long means that the connection leads nowhere. Shorter than the time after which a
 * silent worker is taken for dead, so that it notices before the others judge.
 */
const queryTimeoutMs = 10_000;

/**
 * What every session of the engine sets, whatever the defaults of role and database are: isolation that SKIP LOCKED
 * works under, durable commits, bounded waits, nothing found through the search path, and plans that stay index scans
 * although they were made on empty tables. JIT is off because disabled plan nodes look expensive enough to trigger it.
 */
const sessionSettings: Readonly<Record<string, string>> = {
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  synchronous_commit: 'on',
  lock_timeout: '2s',
  statement_timeout: '15s',
  idle_session_timeout: '0',
  search_path: '',
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  jit: 'off',
  timezone: 'UTC',
  datestyle: 'ISO',
  extra_float_digits: '1',
};

const setup = `SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_is_in_recovery() AS standby, ${Object.entries(
  sessionSettings,
)
  .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', false)`)
  .join(', ')}`;

/** What `connection` of the options comes to. */
export function clientConfig(connection: string | ConnectionConfig): ClientConfig {
  const given = typeof connection === 'string' ? { connectionString: connection } : connection;
  return {
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    application_name: 'millrace',
    ...(given as ClientConfig),
  };
}

type Connection = string | ConnectionConfig | ConnectionPool;

/**
 * Where the options lead: `connection` for users' calls, `direct` for sessions of the engine. They are asked for when a
 * connection is first needed, so that a program can be loaded where no database is.
 */
export function connectionsOf(
  connection: Connection | undefined,
  directConnection: string | ConnectionConfig | undefined,
): { connection: () => pg.Pool | ClientConfig; direct: () => ClientConfig } {
  const given = (): Connection => {
    const chosen = connection ?? process.env['DATABASE_URL'];
    if (chosen !== undefined && chosen !== '') return chosen;
    throw new MillraceError('MILLRACE_DB_MISSING', 'no database is named');
  };
  return {
    connection: () => poolOrConfig(given()),
    direct() {
      if (directConnection !== undefined) return clientConfig(directConnection);
      const chosen = given();
      return isPool(chosen) ? clientConfig(chosen.options) : clientConfig(chosen);
    },
  };
}

/** A pool of the user's as it is, anything else as settings for connections. */
export function poolOrConfig(connection: Connection): pg.Pool | ClientConfig {
  return isPool(connection) ? (connection as unknown as pg.Pool) : clientConfig(connection);
}

function isPool(connection: Connection): connection is ConnectionPool {
  return typeof connection === 'object' && 'totalCount' in connection;
}

/** Opens a connection that is an engine session; refuses one that goes through a pooler or to a standby. */
export async function openSession(config: ClientConfig, pipeline: boolean): Promise<pg.Client> {
  const client = new pg.Client({ ...config, query_timeout: queryTimeoutMs, pipeline });
  // Without a listener a lost connection would end the process; whoever uses the client learns it from its query.
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: number; standby: boolean }>(setup);
    refusePooler(client, rows[0]?.pid);
    // A session outlives the promotion, and whoever watched the others through it saw all of them without their locks.
    refuseStandby(rows[0]?.standby);
  } catch (error) {
    dispose(client);
    throw error;
  }
  return client;
}

/** A pooler answers with a process id of its own, so that the one of the server differs from it. */
function refusePooler(client: pg.Client, serverPid: number | undefined): void {
  const announced = (client as unknown as { processID: number | null }).processID;
  if (serverPid !== announced) {
    throw new MillraceError(
      'MILLRACE_DB_POOLER',
      'the connection goes through a pooler that hands sessions around; workers and schedulers need one of their own',
    );
  }
}

/** @throws MILLRACE_DB_READ_ONLY */
export function refuseStandby(isStandby: unknown): void {
  if (isStandby === true) {
    throw new MillraceError(
      'MILLRACE_DB_READ_ONLY',
      'the server is a standby, which cannot be written to',
    );
  }
}

/** Ends a connection whatever state it is in, without waiting for the server. */
export function dispose(client: pg.Client): void {
  client.end().catch(() => {});
  const { stream } = (client as unknown as { connection: { stream?: { destroy(): void } } })
    .connection;
  stream?.destroy();
}

/**
 * One connection in pipeline mode that is opened when it is first needed and again after it was lost. Statements are sent
 * without waiting for the answers of those before; each fails or succeeds alone. A statement whose connection is lost is
 * rejected, never repeated: whoever sent it decides what an unknown answer means.
 */
export class PipelinedSession {
  readonly #config: () => ClientConfig;
  readonly #names: Names;
  readonly #statements = new Map<StatementOf, Statement>();
  readonly #onLost = new Set<() => void>();
  #client: Promise<pg.Client> | undefined;

  constructor(config: () => ClientConfig, names: Names) {
    this.#config = config;
    this.#names = names;
  }

  async query(of: StatementOf, values: readonly unknown[]): Promise<Row[]> {
    return this.queryOn(await this.open(), of, values);
  }

  /** Runs a statement on this very connection; it is rejected when the connection is lost. */
  async queryOn(client: pg.Client, of: StatementOf, values: readonly unknown[]): Promise<Row[]> {
    const { name, text } = this.#statement(of);
    const { rows } = await client.query<Row>({ name, text, values: [...values] });
    return rows;
  }

  /** Calls back whenever the connection is lost; answers with a function that ends it. */
  onLost(callback: () => void): () => void {
    this.#onLost.add(callback);
    return () => this.#onLost.delete(callback);
  }

  /**
   * Runs statements in one transaction; answers with the rows of the last one. They are sent in one go, so that nothing
   * else of this connection comes between them. The settings hold for this transaction only.
   */
  async transaction(
    settings: Readonly<Record<string, string>>,
    statements: readonly (readonly [StatementOf, readonly unknown[]])[],
  ): Promise<Row[]> {
    const client = await this.open();
    const names = Object.keys(settings);
    const setLocal = `SELECT ${names.map((name) => `pg_catalog.set_config('${name}', '${settings[name]}', true)`).join(', ')}`;
    const sent = [
      client.query('BEGIN'),
      ...(names.length > 0 ? [client.query(setLocal)] : []),
      ...statements.map(([of, values]) => client.query<Row>(this.#statement(of).text, [...values])),
      client.query('COMMIT'),
    ];
    const answers = await Promise.allSettled(sent);
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const last = answers.at(-2);
    return last?.status === 'fulfilled' ? (last.value.rows as Row[]) : [];
  }

  /** Ends the connection. A later statement opens another one. */
  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  #statement(of: StatementOf): Statement {
    const known = this.#statements.get(of);
    if (known !== undefined) return known;
    const made = of(this.#names);
    this.#statements.set(of, made);
    return made;
  }

  open(): Promise<pg.Client> {
    return (this.#client ??= this.#connect());
  }

  #connect(): Promise<pg.Client> {
    const opening = openSession(this.#config(), true).then((client) => {
      client.once('end', forget);
      return client;
    });
    const forget = () => {
      if (this.#client !== opening) return;
      this.#client = undefined;
      for (const tell of this.#onLost) tell();
    };
    opening.catch(forget);
    return opening;
  }
}
