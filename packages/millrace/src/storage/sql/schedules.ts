import { statement } from './statement.ts';

/** $1 the text that names this installation. Starting schedulers follow each other, so that each sees the ones before. */
export const lockSchedules = statement(
  'lock_schedules',
  () =>
    `SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1::text, 0)) IS NULL AS locked`,
);

/**
 * Writes the schedules that a process knows: $1 its no, $2 name[], $3 kind[], $4 spec[], $5 run on start[], $6 whether it
 * starts now (and not after a lost connection).
 *
 * The process that started last decides: an older one never overwrites a newer one's schedule. A new or changed schedule
 * counts from now. `run on start` of the only scheduler counts from now and makes now the first fire time, by setting the
 * last fire time before the anchor.
 */
export const adoptSchedules = statement(
  'adopt_schedules',
  (s) => `
WITH me AS (
  SELECT w.started_at, pg_catalog.date_trunc('milliseconds', ${s}.now()) AS at,
         $6::boolean AND NOT EXISTS (
           SELECT FROM ${s}.worker o WHERE o.role = 'scheduler' AND o.no <> w.no) AS alone
    FROM ${s}.worker w WHERE w.no = $1::int
)
INSERT INTO ${s}.schedule AS old (name, kind, spec, anchor, last_fire, defined_at)
SELECT u.name, u.kind, u.spec, me.at,
       CASE WHEN u.run_on_start AND me.alone THEN me.at - interval '1 millisecond' ELSE me.at END, me.started_at
  FROM me CROSS JOIN unnest($2::text[], $3::text[], $4::text[], $5::boolean[]) AS u(name, kind, spec, run_on_start)
 ORDER BY u.name
ON CONFLICT (name) DO UPDATE
   SET kind = excluded.kind, spec = excluded.spec, defined_at = excluded.defined_at,
       anchor = CASE WHEN old.spec = excluded.spec AND excluded.last_fire = excluded.anchor
                     THEN old.anchor ELSE excluded.anchor END,
       last_fire = CASE WHEN old.spec = excluded.spec AND excluded.last_fire = excluded.anchor
                        THEN old.last_fire ELSE greatest(old.last_fire, excluded.last_fire) END
 WHERE old.defined_at <= excluded.defined_at
RETURNING name`,
);

/** $1 name[]. */
export const readSchedules = statement(
  'read_schedules',
  (s) => `
SELECT c.name, c.kind, c.spec, pg_catalog.date_part('epoch', c.anchor) * 1000 AS anchor_ms,
       pg_catalog.date_part('epoch', c.last_fire) * 1000 AS last_fire_ms,
       pg_catalog.date_part('epoch', t.at) * 1000 AS now_ms
  FROM ${s}.schedule c CROSS JOIN (SELECT ${s}.now() AS at) t
 WHERE c.name = ANY ($1::text[]) ORDER BY c.name`,
);

/**
 * Makes the job of a fire time: $1 name, $2 spec, $3 fire time in ms since 1970, $4 the job as a JSON array of one.
 * Compare-and-set on the last fire time, the row of the fire time and the job stand or fall together: exactly one job per
 * fire time, whoever else tries.
 */
export const fireSchedule = statement(
  'fire_schedule',
  (s) => `
WITH mine AS (
  UPDATE ${s}.schedule SET last_fire = fire.at
    FROM (SELECT pg_catalog.to_timestamp($3::double precision / 1000) AS at) fire
   WHERE name = $1::text AND spec = $2::text AND last_fire < fire.at
  RETURNING name, last_fire
), made AS (
  SELECT m.name, m.last_fire, e.job_id FROM mine m CROSS JOIN LATERAL ${s}.enqueue_jobs($4::text::json) e
)
INSERT INTO ${s}.schedule_fire (name, fire_time, fired_at, job_id)
SELECT made.name, made.last_fire, ${s}.now(), made.job_id FROM made
RETURNING job_id::text AS id`,
);

/** $1 name, $2 spec, $3 until, in ms since 1970: fire times up to then are let go. */
export const letGo = statement(
  'let_go',
  (s) => `
UPDATE ${s}.schedule SET last_fire = until.at
  FROM (SELECT pg_catalog.to_timestamp($3::double precision / 1000) AS at) until
 WHERE name = $1::text AND spec = $2::text AND last_fire < until.at
RETURNING name`,
);

/** Every schedule; `known` when a registered scheduler lists it. */
export const listSchedules = statement(
  'list_schedules',
  (s) => `
SELECT c.name, c.kind, c.spec, c.anchor,
       (SELECT max(f.fire_time) FROM ${s}.schedule_fire f WHERE f.name = c.name) AS last_fire,
       EXISTS (SELECT FROM ${s}.worker w
                WHERE w.role = 'scheduler' AND (c.name || ' ' || c.spec) = ANY (w.schedules)) AS known
  FROM ${s}.schedule c ORDER BY c.name`,
);
