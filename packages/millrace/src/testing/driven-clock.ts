import { durationMs, type Duration } from '../core/duration.ts';
import type { ConnectionConfig, ConnectionPool, Millrace } from '../core/millrace.ts';
import { defaults } from '../core/options.ts';
import { compositionOf } from '../runtime.ts';
import { poolOrConfig } from '../storage/connection.ts';
import { namesOf } from '../storage/names.ts';
import { Pool } from '../storage/pool.ts';
import { advanceClock, installDrivenClock, readClock } from '../storage/sql/clock.ts';

/** The time that decides when jobs are due, under the test's control. */
export interface DrivenClock extends AsyncDisposable {
  /** Moves the time forward for every process that uses this database, and wakes them. */
  advance(by: Duration): Promise<void>;
  /** The time of the database, as its jobs see it. */
  now(): Promise<Date>;
  /** Ends its connection. The time stays where it is. */
  close(): Promise<void>;
}

/**
 * Takes over the clock of a migrated database: from now on its time is the server's plus what `advance` adds. Only for
 * databases made for tests and demonstrations; there is no way back.
 * @param database a Millrace on it, or what `connection` of createMillrace takes
 * @throws MILLRACE_DB_…, MILLRACE_SCHEMA_MISSING
 */
export async function driveClock(
  database: Millrace | string | ConnectionConfig | ConnectionPool,
  options: { readonly schema?: string } = {},
): Promise<DrivenClock> {
  const { names, connection } = placeOf(database, options.schema);
  const pool = new Pool(connection);
  const close = () => pool.close();
  try {
    await pool.query({ text: installDrivenClock(names).text }, []);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async advance(by) {
      await pool.query({ text: advanceClock(names).text }, [String(durationMs(by, 'advance'))]);
    },
    async now() {
      const [row] = await pool.query({ text: readClock(names).text }, []);
      return row?.['now'] as Date;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function placeOf(
  database: Millrace | string | ConnectionConfig | ConnectionPool,
  schema: string | undefined,
): {
  readonly names: ReturnType<typeof namesOf>;
  readonly connection: () => ReturnType<typeof poolOrConfig>;
} {
  const parts = typeof database === 'string' ? undefined : compositionOf(database);
  if (parts !== undefined) {
    const { names, connections } = parts.place;
    return { names, connection: connections.connection };
  }
  const given = database as string | ConnectionConfig | ConnectionPool;
  return { names: namesOf(schema ?? defaults.schema), connection: () => poolOrConfig(given) };
}
