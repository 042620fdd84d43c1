import type pg from 'pg';
import { MillraceError } from '../core/errors.ts';
import type { ConnectionConfig, ConnectionPool } from '../core/millrace.ts';

/** How to reach the database, as `pg` wants it. */
export type ClientConfig = pg.ClientConfig;

export type Row = Record<string, unknown>;

const connectTimeoutMs = 10_000;

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
      return isPool(chosen) ? configOfPool(chosen) : clientConfig(chosen);
    },
  };
}

/** `pg` hides the password from whoever copies the options of a pool. */
function configOfPool(pool: ConnectionPool): ClientConfig {
  const options: ClientConfig = pool.options;
  return { ...clientConfig(options as ConnectionConfig), password: options.password };
}

/** A pool of the user's as it is, anything else as settings for connections. */
export function poolOrConfig(connection: Connection): pg.Pool | ClientConfig {
  return isPool(connection) ? (connection as unknown as pg.Pool) : clientConfig(connection);
}

function isPool(connection: Connection): connection is ConnectionPool {
  return typeof connection === 'object' && 'totalCount' in connection;
}
