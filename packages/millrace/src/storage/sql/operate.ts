/** These may run in transactions of the user's, on whatever search path is set there; see `enqueue.ts`. */
import { statement } from './statement.ts';

/** Each calls the function of its verb. $1 ids as an array of PostgreSQL; the rest is that of the verb, all as texts. */
const verb = (name: string, call: (s: string, ids: string) => string) =>
  statement(
    name,
    (s) => `SELECT a.job_id::pg_catalog.text AS id, a.status, a.was, a.state
  FROM ${call(s, '$1::pg_catalog.text::bigint[]')} a`,
  );

export const retryJobs = verb('retry_jobs', (s, ids) => `${s}.retry_jobs(${ids})`);
export const deleteJobs = verb('delete_jobs', (s, ids) => `${s}.delete_jobs(${ids})`);

/** $2 reason. */
export const cancelJobs = verb(
  'cancel_jobs',
  (s, ids) => `${s}.cancel_jobs(${ids}, $2::pg_catalog.text)`,
);
export const discardJobs = verb(
  'discard_jobs',
  (s, ids) => `${s}.discard_jobs(${ids}, $2::pg_catalog.text)`,
);

/** $2 due time or null, $3 otherwise the delay in ms. */
export const rescheduleJobs = verb(
  'reschedule_jobs',
  (s, ids) =>
    `${s}.reschedule_jobs(${ids}, $2::pg_catalog.text::pg_catalog.timestamptz, $3::pg_catalog.text::double precision)`,
);

/** $2 payload, $3 its version, $4 priority, $5 queue; null leaves it. */
export const editJobs = verb(
  'edit_jobs',
  (
    s,
    ids,
  ) => `${s}.edit_jobs(${ids}, $2::pg_catalog.text::pg_catalog.jsonb, $3::pg_catalog.text::int,
       $4::pg_catalog.text::smallint, $5::pg_catalog.text)`,
);
