import { statement } from './statement.ts';

/** For databases of tests and the demo only: `now()` adds an offset that can be moved. */
export const installDrivenClock = statement(
  'install_driven_clock',
  (s) => `
CREATE TABLE IF NOT EXISTS ${s}.clock_offset (single boolean PRIMARY KEY DEFAULT true CHECK (single), ahead interval NOT NULL);
INSERT INTO ${s}.clock_offset (ahead) VALUES ('0') ON CONFLICT DO NOTHING;
CREATE OR REPLACE FUNCTION ${s}.now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
AS 'SELECT pg_catalog.clock_timestamp() + (SELECT o.ahead FROM ${s.replaceAll("'", "''")}.clock_offset o)'`,
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

export const readClock = statement('read_clock', (s) => `SELECT ${s}.now() AS now`);
