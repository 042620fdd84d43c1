/**
 * These run in transactions of the user's, on whatever search path is set there. So every name says where it is, those of
 * types included; `bigint` is no name but syntax.
 */
import { statement } from './statement.ts';

/**
 * Jobs without unique keys: $1 kinds, $2 queues, $3 priorities, $4 max attempts, $5 payloads, $6 metas, $7 policies, $8 delays
 * in ms, $9 due times, $10 payload versions, each as the text of an array, or null where nothing differs from what is usual.
 * One row: the ids in their order.
 */
export const enqueueBatch = statement(
  'enqueue_batch',
  (s) => `
SELECT ${s}.enqueue_batch($1::pg_catalog.text::pg_catalog.text[], $2::pg_catalog.text::pg_catalog.text[],
         $3::pg_catalog.text::smallint[], $4::pg_catalog.text::smallint[], $5::pg_catalog.text::pg_catalog.text[],
         $6::pg_catalog.text::pg_catalog.text[], $7::pg_catalog.text::pg_catalog.text[],
         $8::pg_catalog.text::double precision[], $9::pg_catalog.text::pg_catalog.timestamptz[],
         $10::pg_catalog.text::int[])::pg_catalog.text AS ids`,
);

/** $1 the jobs as a JSON array (see `toRecords`). One row per job: its place from 1, its id, whether it is new. */
export const enqueueJobs = statement(
  'enqueue',
  (s) => `
SELECT job_position::pg_catalog.text AS place, job_id::pg_catalog.text AS id, created
  FROM ${s}.enqueue_jobs($1::pg_catalog.text::pg_catalog.json)`,
);

/**
 * One job without a unique key on a connection of our own, where the statement is prepared once: half the work of the
 * function. $1 kind, $2 queue, $3 priority, $4 max attempts, $5 payload, $6 meta, $7 policy, $8 delay in seconds,
 * $9 due time or null, $10 payload version.
 *
 * Whether somebody waits is asked here as `somebody_waits` does, which is called only if there may be somebody. `told`:
 * whether a notification was sent.
 */
export const enqueueOne = statement(
  'enqueue_one',
  (s) => `
WITH clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), stored AS (
  INSERT INTO ${s}.job (run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, payload_version, meta,
                      policy, payload)
  SELECT greatest(due.at, clock.at), due.at, clock.at, $3::smallint, $4::smallint, $2::pg_catalog.text, $1::pg_catalog.text,
         $10::int, $6::pg_catalog.jsonb, $7::pg_catalog.jsonb, $5::pg_catalog.jsonb
    FROM clock
   CROSS JOIN LATERAL (
          SELECT coalesce($9::pg_catalog.timestamptz, clock.at OPERATOR(pg_catalog.+)
                 pg_catalog.make_interval(secs => $8::double precision)) AS at) due
  RETURNING id, queue, priority, created_at,
            scheduled_at OPERATOR(pg_catalog.<)
              (created_at OPERATOR(pg_catalog.+) pg_catalog.make_interval(secs => 30)) AS soon
)
SELECT stored.id::pg_catalog.text AS id,
       CASE WHEN NOT stored.soon THEN false
            WHEN pg_catalog.pg_try_advisory_lock(${s}.waiting_class(), pg_catalog.hashtext(stored.queue))
            THEN NOT pg_catalog.pg_advisory_unlock(${s}.waiting_class(), pg_catalog.hashtext(stored.queue))
            WHEN ${s}.somebody_waits(stored.queue) THEN ${s}.wake(stored.queue, stored.priority, stored.created_at, 0)
       END AS told
  FROM stored`,
);

/** $1 id, $2 reason. */
export const cancelJob = statement(
  'cancel',
  (s) =>
    `SELECT status, state FROM ${s}.cancel_job($1::pg_catalog.text::bigint, $2::pg_catalog.text)`,
);

/** $1 id. */
export const retryJob = statement(
  'retry',
  (s) => `SELECT status, state FROM ${s}.retry_job($1::pg_catalog.text::bigint)`,
);
