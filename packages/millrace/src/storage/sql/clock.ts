import { statement } from './statement.ts';

/**
 * For databases of tests and the demo only: `now()` adds an offset that can be moved. While `stopped_at` is set the time
 * stands still, except for that.
 */
export const installDrivenClock = statement(
  'install_driven_clock',
  (s) => `
CREATE TABLE IF NOT EXISTS ${s}.clock_offset (single boolean PRIMARY KEY DEFAULT true CHECK (single), ahead interval NOT NULL);
ALTER TABLE ${s}.clock_offset ADD COLUMN IF NOT EXISTS stopped_at timestamptz;
INSERT INTO ${s}.clock_offset (ahead) VALUES ('0') ON CONFLICT DO NOTHING;
CREATE OR REPLACE FUNCTION ${s}.now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
AS 'SELECT coalesce(o.stopped_at, pg_catalog.clock_timestamp()) + o.ahead FROM ${s.replaceAll("'", "''")}.clock_offset o'`,
);

/** $1 ms. Tells every process, so that none sleeps through the new time. */
export const advanceClock = statement(
  'advance_clock',
  (s) => `
WITH moved AS (
  UPDATE ${s}.clock_offset SET ahead = ahead + $1::double precision * interval '1 millisecond' RETURNING ahead
)
SELECT ${s}.tell('clock') AS told FROM moved`,
);

/** $1 ms since 1970, which the time is from now on; it never goes back. Tells every process. */
export const setClock = statement(
  'set_clock',
  (s) => `
WITH moved AS (
  UPDATE ${s}.clock_offset
     SET ahead = greatest(ahead, timestamptz 'epoch' + $1::double precision * interval '1 millisecond'
                                 - coalesce(stopped_at, pg_catalog.clock_timestamp()))
  RETURNING ahead
)
SELECT ${s}.tell('clock') AS told FROM moved`,
);

/** The time stands still at the next whole millisecond, and moves only when it is moved. */
export const stopClock = statement(
  'stop_clock',
  (s) => `
UPDATE ${s}.clock_offset
   SET stopped_at = pg_catalog.date_trunc('milliseconds', ${s}.now()) + interval '1 millisecond' - ahead
 WHERE stopped_at IS NULL RETURNING single`,
);

/** The time goes on from where it stands. */
export const goOnClock = statement(
  'go_on_clock',
  (s) => `
UPDATE ${s}.clock_offset SET ahead = ahead + (stopped_at - pg_catalog.clock_timestamp()), stopped_at = NULL
 WHERE stopped_at IS NOT NULL RETURNING single`,
);

export const readClock = statement('read_clock', (s) => `SELECT ${s}.now() AS now`);
