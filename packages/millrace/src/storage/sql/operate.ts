import { statement } from './statement.ts';

/** Each calls the function of its verb. $1 ids as a JSON array of texts; the rest is that of the verb, as texts. */
const verb = (name: string, call: (s: string, ids: string) => string) =>
  statement(
    name,
    (s) =>
      `SELECT a.job_id::text AS id, a.status, a.was, a.state FROM ${call(s, 'ARRAY(SELECT pg_catalog.json_array_elements_text($1::text::json)::bigint)')} a`,
  );

export const retryJobs = verb('retry_jobs', (s, ids) => `${s}.retry_jobs(${ids})`);
export const deleteJobs = verb('delete_jobs', (s, ids) => `${s}.delete_jobs(${ids})`);

/** $2 reason. */
export const cancelJobs = verb('cancel_jobs', (s, ids) => `${s}.cancel_jobs(${ids}, $2::text)`);
export const discardJobs = verb('discard_jobs', (s, ids) => `${s}.discard_jobs(${ids}, $2::text)`);

/** $2 due time or null, $3 otherwise the delay in ms. */
export const rescheduleJobs = verb(
  'reschedule_jobs',
  (s, ids) => `${s}.reschedule_jobs(${ids}, $2::text::timestamptz, $3::text::double precision)`,
);

/** $2 payload, $3 its version, $4 priority, $5 queue; null leaves it. */
export const editJobs = verb(
  'edit_jobs',
  (s, ids) =>
    `${s}.edit_jobs(${ids}, $2::text::jsonb, $3::text::int, $4::text::smallint, $5::text)`,
);
