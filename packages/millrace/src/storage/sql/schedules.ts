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
       pg_catalog.date_part('epoch', t.at) * 1000 AS now_ms, c.paused_at IS NOT NULL AS paused
  FROM ${s}.schedule c CROSS JOIN (SELECT ${s}.now() AS at) t
 WHERE c.name = ANY ($1::text[]) ORDER BY c.name`,
);

/**
 * Makes the job of a fire time: $1 name, $2 spec, $3 fire time in ms since 1970, $4 the job as a JSON array of one.
 * Compare-and-set on the last fire time, the row of the fire time and the job stand or fall together: exactly one job per
 * fire time, whoever else tries. A pause counts from its commit on, whatever the scheduler read before.
 */
export const fireSchedule = statement(
  'fire_schedule',
  (s) => `
WITH mine AS (
  UPDATE ${s}.schedule SET last_fire = fire.at
    FROM (SELECT pg_catalog.to_timestamp($3::double precision / 1000) AS at) fire
   WHERE name = $1::text AND spec = $2::text AND last_fire < fire.at AND paused_at IS NULL
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

/** $1 name, $2 who, $3 why. A pause that holds already is left as it is. */
export const pauseSchedule = statement(
  'pause_schedule',
  (s) => `
WITH paused AS (
  UPDATE ${s}.schedule SET paused_at = ${s}.now(), paused_by = $2::text, pause_reason = $3::text
   WHERE name = $1::text AND paused_at IS NULL
  RETURNING name
)
SELECT CASE WHEN EXISTS (SELECT FROM paused) THEN 'paused'
            WHEN EXISTS (SELECT FROM ${s}.schedule c WHERE c.name = $1::text) THEN 'already' ELSE 'missing' END AS status`,
);

/** $1 name. What passed meanwhile is let go: it counts as considered up to now. */
export const resumeSchedule = statement(
  'resume_schedule',
  (s) => `
WITH resumed AS (
  UPDATE ${s}.schedule
     SET last_fire = greatest(last_fire, pg_catalog.date_trunc('milliseconds', ${s}.now())), paused_at = NULL, paused_by = NULL, pause_reason = NULL
   WHERE name = $1::text AND paused_at IS NOT NULL
  RETURNING name
)
SELECT CASE WHEN EXISTS (SELECT FROM resumed) THEN 'resumed'
            WHEN EXISTS (SELECT FROM ${s}.schedule c WHERE c.name = $1::text) THEN 'not_paused' ELSE 'missing' END AS status`,
);

/** $1 name, $2 who asked, $3 the job as a JSON array of one. Beside the fire times: neither anchor nor last fire time move. */
export const runSchedule = statement(
  'run_schedule',
  (s) => `
WITH made AS (SELECT e.job_id FROM ${s}.enqueue_jobs($3::text::json) e)
INSERT INTO ${s}.schedule_run (job_id, name, asked_at, asked_by)
SELECT made.job_id, $1::text, ${s}.now(), $2::text FROM made
RETURNING job_id::text AS id`,
);

/** Every schedule, as the view shows it, and the time. */
export const listSchedules = statement(
  'list_schedules',
  (s) => `
SELECT c.name, c.kind, c.spec, c.anchor, c.considered_until, c.last_fire, c.last_job_id::text AS last_job_id, c.last_job_state,
       c.known, c.paused_at, c.paused_by, c.pause_reason, c.last_run_at, c.last_run_by, c.last_run_job_id::text AS last_run_job_id,
       pg_catalog.date_part('epoch', t.at) * 1000 AS now_ms
  FROM ${s}.schedules c CROSS JOIN (SELECT ${s}.now() AS at) t ORDER BY c.name`,
);
