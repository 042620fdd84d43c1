import type { Names } from '../names.ts';
import { movedColumns } from './history.ts';
import { statement } from './statement.ts';

/**
 * Settles. One row per job: $1 id[], $2 lease[], $3 verdict[] (0 wait, 1 give back, 2 completed, 3 cancelled,
 * 4 discarded), $4 keep[], $5 result[] (JSON text), $6 reason[], $7 delay in ms[], $8 delay counts from the last due
 * time[], $9 attempt counts[], $10 ending[] of the attempt or null, $11 error[] (JSON text), $12 the lines it logged[] (JSON text);
 * and $13 the worker's label.
 * All are texts, those of arrays in PostgreSQL's form, for in a transactional handler any library may carry them.
 * Answers with the rows that it wrote, and the places of those that wait; `whereabouts` says what became of the others.
 *
 * The fence: id and lease and running. Nothing waits for a row. A job that is given back keeps its due time, and its
 * place too unless there is a delay. A job that is to wait although somebody asked to cancel it ends as cancelled.
 *
 * The rows are looked up one by one from inside: as a join, a plan made once for all parameters may choose to read the
 * whole table for them.
 */
export const settle = statement(
  'settle',
  (s, names) => `
WITH input AS MATERIALIZED (
  SELECT u.* FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::smallint[], $4::text::boolean[],
                         $5::text::text[], $6::text::text[], $7::text::double precision[], $8::text::boolean[],
                         $9::text::boolean[], $10::text::text[], $11::text::text[], $12::text::text[])
         AS u(id, lease, verdict, keep, result, reason, delay_ms, from_due, counts, ending, error, logs)
), clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), mine AS MATERIALIZED (
  SELECT i.*, own.attempt, own.claimed_at, own.scheduled_at
    FROM input i
   CROSS JOIN LATERAL (
          SELECT j.attempt, j.claimed_at, j.scheduled_at FROM ${s}.job j
           WHERE j.id = i.id AND j.lease = i.lease AND j.state = 1 FOR UPDATE SKIP LOCKED) own
), decided AS MATERIALIZED (
  SELECT m.*, CASE WHEN c.job_id IS NOT NULL AND m.verdict < 2 THEN 3::smallint ELSE m.verdict END AS final,
         CASE WHEN c.job_id IS NOT NULL AND m.verdict < 2 THEN c.reason ELSE m.reason END AS final_reason
    FROM mine m LEFT JOIN ${s}.cancel_request c ON c.job_id = m.id
), finished AS (
  DELETE FROM ${s}.job j USING decided d WHERE j.id = d.id AND d.final >= 2
  RETURNING j.id, d.final, d.keep, d.result, d.final_reason, ${movedColumns('j')}
), ${archived(names)}
), waiting AS (
  UPDATE ${s}.job j
     SET state = 0, lease = 0, attempt = d.attempt - CASE WHEN d.counts THEN 0 ELSE 1 END,
         scheduled_at = CASE WHEN d.verdict = 1 THEN j.scheduled_at ELSE due.at END,
         run_at = CASE WHEN d.verdict = 1 AND d.delay_ms = 0 THEN j.run_at ELSE greatest(due.at, clock.at) END
    FROM decided d CROSS JOIN clock
   CROSS JOIN LATERAL (SELECT CASE WHEN d.from_due THEN d.scheduled_at ELSE clock.at END
                              + d.delay_ms * interval '1 millisecond' AS at) due
   WHERE j.id = d.id AND d.final < 2
  RETURNING j.id, j.queue, j.priority, j.run_at, j.attempt, d.verdict
), recorded AS (
  INSERT INTO ${s}.job_attempt (job_id, ended_at, started_at, lease, attempt, ending, worker, error, logs)
  SELECT d.id, clock.at, d.claimed_at, d.lease, d.attempt, d.ending, $13::text, d.error::jsonb, d.logs::jsonb
    FROM decided d CROSS JOIN clock WHERE d.ending IS NOT NULL
), answered AS (
  DELETE FROM ${s}.cancel_request c USING decided d WHERE c.job_id = d.id AND d.final >= 2
), told AS (
  SELECT count(${s}.wake(l.queue, l.priority, l.run_at, 0)) AS n
    FROM (SELECT w.queue, w.priority, min(w.run_at) AS run_at, bool_or(w.verdict = 1) AS behind FROM waiting w CROSS JOIN clock
           WHERE w.run_at < clock.at + interval '30 seconds' GROUP BY w.queue, w.priority) l
   WHERE l.behind OR ${s}.somebody_waits(l.queue)
)
SELECT d.id::text AS id,
       CASE d.final WHEN 2 THEN 'completed' WHEN 3 THEN 'cancelled' WHEN 4 THEN 'discarded'
            ELSE CASE WHEN w.run_at <= clock.at THEN 'available' WHEN w.attempt > 0 THEN 'retryable'
                      ELSE 'scheduled' END END AS state,
       w.queue, w.priority, (pg_catalog.date_part('epoch', w.run_at) * 1000000)::bigint::text AS run_at_us
  FROM decided d CROSS JOIN clock CROSS JOIN told LEFT JOIN waiting w ON w.id = d.id
 WHERE told.n >= 0`,
);

/**
 * What became of jobs that `settle` did not write: $1 id[], $2 lease[]. `busy`: still under this lease, so somebody held
 * the row. `already`: an earlier try was written, for it left a trace under this lease; the trace of a rescue is none.
 * Otherwise `lost`.
 */
export const whereabouts = statement(
  'whereabouts',
  (s) => `
SELECT i.id::text AS id,
       CASE WHEN (SELECT true FROM ${s}.job j WHERE j.id = i.id AND j.lease = i.lease AND j.state = 1 LIMIT 1)
            THEN 'busy'
            WHEN (SELECT true FROM ${s}.job_history h WHERE h.id = i.id AND h.lease = i.lease LIMIT 1)
            THEN 'already'
            WHEN (SELECT true FROM ${s}.job_attempt a
                   WHERE a.job_id = i.id AND a.lease = i.lease AND a.ending <> 'crashed' LIMIT 1)
            THEN 'already'
            ELSE 'lost' END AS status
  FROM unnest($1::bigint[], $2::bigint[]) AS i(id, lease)`,
);

/** The CTE that moves what `finished` removed into the history. */
function archived({ schema: s }: Names): string {
  return `archived AS (
  INSERT INTO ${s}.job_history (id, finished_at, state, worker, reason, result, ${movedColumns('')})
  SELECT f.id, clock.at, f.final, $13::text, f.final_reason, f.result::jsonb, ${movedColumns('f')}
    FROM finished f CROSS JOIN clock WHERE f.keep`;
}

/** $1 id[], $2 lease[]. The ids that are still running under these leases. */
export const holds = statement(
  'holds',
  (s) => `
SELECT i.id::text AS id
  FROM unnest($1::bigint[], $2::bigint[]) AS i(id, lease)
 WHERE (SELECT true FROM ${s}.job j WHERE j.id = i.id AND j.lease = i.lease AND j.state = 1 LIMIT 1)`,
);

/**
 * Moves jobs in hand to a new lease: $1 id[], $2 old lease[], $3 new lease. `moved`: true when it is under the new lease
 * now, false when somebody holds the row; a job that is not answered is lost.
 */
export const transfer = statement(
  'transfer',
  (s) => `
WITH mine AS MATERIALIZED (
  SELECT i.id
    FROM unnest($1::bigint[], $2::bigint[]) AS i(id, lease)
   CROSS JOIN LATERAL (
          SELECT FROM ${s}.job j
           WHERE j.id = i.id AND j.lease = i.lease AND j.state = 1 FOR NO KEY UPDATE SKIP LOCKED) own
), moved AS (
  UPDATE ${s}.job j SET lease = $3::bigint FROM mine m WHERE j.id = m.id RETURNING j.id
)
SELECT i.id::text AS id, i.id IN (SELECT m.id FROM moved m) AS moved
  FROM unnest($1::bigint[], $2::bigint[]) AS i(id, lease)
 WHERE (SELECT true FROM ${s}.job j WHERE j.id = i.id AND j.lease = i.lease AND j.state = 1 LIMIT 1)`,
);

/** For the rest of the transaction nothing is found through the search path; answers with what it was. */
export const emptySearchPath = statement(
  'empty_search_path',
  () =>
    `SELECT pg_catalog.current_setting('search_path') AS path, pg_catalog.set_config('search_path', '', true)`,
);

/** $1 the search path. */
export const restoreSearchPath = statement(
  'restore_search_path',
  () => `SELECT pg_catalog.set_config('search_path', $1::text, true)`,
);

/** $1 ids bigint[]. */
export const cancelRequests = statement(
  'cancel_requests',
  (s) =>
    `SELECT c.job_id::text AS id, c.reason FROM ${s}.cancel_request c WHERE c.job_id = ANY ($1::bigint[])`,
);
