import { statement } from './statement.ts';

/**
 * Claims. $1 queues text[], $2 how many of each int[], $3 and $4 the first and the last of each queue's lanes int[];
 * the lanes: $5 priority smallint[], $6 run_at in µs since 1970 bigint[] and $7 id bigint[], behind which the lane is read;
 * $8 how many in all, $9 kinds text[], $10 the lease of this claim, $11 the incarnation, $12 whether to say when the next job
 * becomes due, if there is nothing to take. Always answers with at least one row; the job's columns are null in a row that
 * carries no job. `dead`: whether the incarnation may not claim any more. `at_us`: the time up to which the lanes were read.
 *
 * Each lane is one short index scan from its own place: one filter over all would read every job that is not due yet
 * before it comes to the next priority, and every row that is finished but not yet vacuumed. The last 100 ms are always
 * read again, for jobs that were committed after others that are younger. Rows that somebody holds are passed over, never
 * waited for; a row that changed between being found and being locked is not met by its old address and stays for the
 * next claim.
 *
 * The time is read once, in a sub-select of its own, so that the index can be bounded by it.
 */
export const claim = statement(
  'claim',
  (s) => `
WITH claimed AS (
  UPDATE ${s}.job j
     SET state = 1, attempt = j.attempt + 1, lease = $10::bigint, claimed_at = moment.at
    FROM (SELECT ${s}.now() AS at) moment
   WHERE j.ctid = ANY (ARRAY(
           SELECT picked.row_address
             FROM (SELECT t.at, t.at - interval '100 milliseconds' AS settled FROM (SELECT ${s}.now() AS at) t) clock
            CROSS JOIN unnest($1::text[], $2::int[], $3::int[], $4::int[]) AS wanted(queue, jobs, first, last)
            CROSS JOIN LATERAL (
                   SELECT found.row_address
                     FROM unnest(($5::smallint[])[wanted.first:wanted.last], ($6::bigint[])[wanted.first:wanted.last],
                                 ($7::bigint[])[wanted.first:wanted.last]) AS lane(priority, behind_us, behind_id)
                    CROSS JOIN LATERAL (
                           SELECT timestamptz 'epoch' + lane.behind_us * interval '1 microsecond' AS at) place
                    CROSS JOIN LATERAL (
                           SELECT c.ctid AS row_address
                             FROM ${s}.job c
                            WHERE c.queue = wanted.queue AND c.priority = lane.priority AND NOT c.gated
                              AND (c.run_at, c.id) > (least(place.at, clock.settled),
                                                      CASE WHEN place.at <= clock.settled THEN lane.behind_id ELSE 0 END)
                              AND c.run_at <= clock.at AND c.state = 0 AND c.kind = ANY ($9::text[])
                            ORDER BY c.run_at, c.id
                            LIMIT wanted.jobs
                              FOR NO KEY UPDATE SKIP LOCKED) found
                    LIMIT wanted.jobs) picked
            LIMIT $8::int))
     AND NOT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $11::int)
  RETURNING j.id, j.kind, j.queue, j.priority, j.attempt, j.max_attempts, j.crashes, j.created_at, j.scheduled_at,
            j.claimed_at, j.payload, j.meta, j.policy,
            (pg_catalog.date_part('epoch', j.run_at) * 1000000)::bigint AS run_at_us
)
SELECT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $11::int) AS dead,
       (pg_catalog.date_part('epoch', clock.at) * 1000000)::bigint AS at_us,
       CASE WHEN $12::boolean AND NOT EXISTS (SELECT FROM claimed) THEN (
         SELECT pg_catalog.date_part('epoch', min(next.run_at) - clock.at) * 1000
           FROM unnest($1::text[], $3::int[], $4::int[]) AS wanted(queue, first, last)
          CROSS JOIN LATERAL unnest(($5::smallint[])[wanted.first:wanted.last]) AS lane(priority)
          CROSS JOIN LATERAL (
                 SELECT n.run_at FROM ${s}.job n
                  WHERE n.queue = wanted.queue AND n.priority = lane.priority AND NOT n.gated AND n.run_at > clock.at
                  ORDER BY n.run_at, n.id LIMIT 1) next) END AS due_ms,
       c.*
  FROM (SELECT ${s}.now() AS at) clock LEFT JOIN claimed c ON true`,
);
