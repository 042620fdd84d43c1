import { statement } from './statement.ts';

/**
 * Claims. $1 queues text[], $2 how many of each int[], $3 how many in all, $4 kinds text[], $5 the lease of this claim,
 * $6 the incarnation. Always answers with at least one row, whose `dead` says whether the incarnation may claim at all;
 * the job's columns are null in a row that carries no job.
 *
 * For each queue the priorities are walked from the highest, and in each the index is read from its beginning: one short
 * index scan per priority instead of one filter over all, which would read every job that is not due yet before it comes
 * to the next priority. Rows that somebody holds are passed over, never waited for; a row that changed between being
 * found and being locked is not met by its old address and stays for the next claim.
 *
 * The time is read once, in a sub-select of its own, so that the index can be bounded by it.
 */
export const claim = statement(
  'claim',
  (s) => `
WITH claimed AS (
  UPDATE ${s}.job j
     SET state = 1, attempt = j.attempt + 1, lease = $5::bigint, claimed_at = moment.at
    FROM (SELECT ${s}.now() AS at) moment
   WHERE j.ctid = ANY (ARRAY(
           SELECT picked.row_address
             FROM (SELECT ${s}.now() AS at) clock
            CROSS JOIN unnest($1::text[], $2::int[]) AS wanted(queue, jobs)
            CROSS JOIN LATERAL (
                   SELECT found.row_address
                     FROM generate_series(32, -32, -1) AS lane(priority)
                    CROSS JOIN LATERAL (
                           SELECT c.ctid AS row_address
                             FROM ${s}.job c
                            WHERE c.queue = wanted.queue AND c.priority = lane.priority::smallint AND NOT c.gated
                              AND c.run_at <= clock.at AND c.state = 0 AND c.kind = ANY ($4::text[])
                            ORDER BY c.run_at, c.id
                            LIMIT wanted.jobs
                              FOR NO KEY UPDATE SKIP LOCKED) found
                    LIMIT wanted.jobs) picked
            LIMIT $3::int))
     AND NOT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $6::int)
  RETURNING j.id, j.kind, j.queue, j.priority, j.attempt, j.max_attempts, j.crashes, j.created_at, j.scheduled_at,
            j.claimed_at, j.payload, j.meta, j.policy,
            (pg_catalog.date_part('epoch', j.run_at) * 1000000)::bigint AS run_at_us
)
SELECT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $6::int) AS dead, c.*
  FROM (SELECT) always LEFT JOIN claimed c ON true`,
);

/**
 * $1 queues text[]. Milliseconds until the first job of these queues that is not due yet becomes due; null when there is
 * none.
 */
export const nextDue = statement(
  'next_due',
  (s) => `
SELECT pg_catalog.date_part('epoch', min(first.run_at) - min(clock.at)) * 1000 AS ms
  FROM (SELECT ${s}.now() AS at) clock
 CROSS JOIN unnest($1::text[]) AS wanted(queue)
 CROSS JOIN generate_series(32, -32, -1) AS lane(priority)
 CROSS JOIN LATERAL (
        SELECT j.run_at FROM ${s}.job j
         WHERE j.queue = wanted.queue AND j.priority = lane.priority::smallint AND NOT j.gated AND j.run_at > clock.at
         ORDER BY j.run_at, j.id LIMIT 1) first`,
);
