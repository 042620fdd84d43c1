import { durationMs, type Duration } from '../core/duration.ts';
import { defaults } from '../core/options.ts';
import { poolOrConfig } from '../storage/connection.ts';
import type { ConnectionConfig, ConnectionPool } from '../core/millrace.ts';
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
 * @throws MILLRACE_DB_…, MILLRACE_SCHEMA_MISSING
 */
export async function driveClock(
  connection: string | ConnectionConfig | ConnectionPool,
  options: { readonly schema?: string } = {},
): Promise<DrivenClock> {
  const names = namesOf(options.schema ?? defaults.schema);
  const pool = new Pool(() => poolOrConfig(connection));
  await pool.query({ text: installDrivenClock(names).text }, []);
  const close = () => pool.close();
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
