/**
 * These run in transactions of the user's, on whatever search path is set there. So every name says where it is, those of
 * types included; `bigint` is no name but syntax.
 */
import { statement } from './statement.ts';

/** $1 the jobs as a JSON array (see `toRecords`). One row per job: its place from 1, its id, whether it is new. */
export const enqueueJobs = statement(
  'enqueue',
  (s) => `
SELECT job_position::pg_catalog.text AS place, job_id::pg_catalog.text AS id, created
  FROM ${s}.enqueue_jobs($1::pg_catalog.text::pg_catalog.json)`,
);

/** $1 id, $2 reason. */
export const cancelJob = statement(
  'cancel',
  (s) =>
    `SELECT status, state FROM ${s}.cancel_job($1::pg_catalog.text::bigint, $2::pg_catalog.text)`,
);

/**
 * $1 id. A request to cancel that was committed after the job had ended has nobody to answer it; it is not meant for the
 * job that comes back.
 */
export const retryJob = statement(
  'retry',
  (s) => `
WITH late AS (
  DELETE FROM ${s}.cancel_request c
   WHERE c.job_id OPERATOR(pg_catalog.=) $1::pg_catalog.text::bigint
     AND NOT EXISTS (SELECT FROM ${s}.job j WHERE j.id OPERATOR(pg_catalog.=) c.job_id)
)
SELECT status, state FROM ${s}.retry_job($1::pg_catalog.text::bigint)`,
);
