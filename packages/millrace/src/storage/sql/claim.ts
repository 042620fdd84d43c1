import { claimedColumns, noJob } from './claimed-job.ts';
import { movedColumns } from './history.ts';
import { statement } from './statement.ts';

/**
 * What both statements below share. The parameters: $1 queues text[], $2 how many of each int[], $3 and $4 the first and the
 * last of each queue's lanes int[]; the lanes: $5 priority smallint[], $6 run_at in µs since 1970 bigint[] and $7 id
 * bigint[], behind which the lane is read; $8 how many in all, $9 kinds text[], $10 the lease of this claim, $11 the
 * incarnation, $12 whether to say when the next job becomes due, if there is nothing to take, $13 the newest payload version that is known of each kind int[].
 *
 * Each lane is one short index scan from its own place: one filter over all would read every job that is not due yet
 * before it comes to the next priority, and every row that is finished but not yet vacuumed. The last 100 ms are always
 * read again, for jobs that were committed after others that are younger. Rows that somebody holds are passed over, never
 * waited for; a row that changed between being found and being locked is not met by its old address and stays for the
 * next claim.
 *
 * Pauses are looked for here and nowhere else, so one holds for every claim that begins after its commit.
 */
const claimed = (s: string) => `clock AS MATERIALIZED (
  SELECT t.at, t.at - interval '100 milliseconds' AS settled FROM (SELECT ${s}.now() AS at) t
), paused AS MATERIALIZED (
  SELECT p.queue FROM ${s}.queue_pause p WHERE p.queue = ANY ($1::text[])
), claimed AS (
  UPDATE ${s}.job j
     SET state = 1, attempt = j.attempt + 1, lease = $10::bigint, claimed_at = clock.at
    FROM clock
   WHERE j.ctid = ANY (ARRAY(
           SELECT picked.row_address
             FROM clock
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
                              AND (c.payload_version = 1 OR c.payload_version <= ($13::int[])[array_position($9::text[], c.kind)])
                            ORDER BY c.run_at, c.id
                            LIMIT wanted.jobs
                              FOR NO KEY UPDATE SKIP LOCKED) found
                    LIMIT wanted.jobs) picked
            WHERE wanted.queue NOT IN (SELECT p.queue FROM paused p)
            LIMIT $8::int))
     AND NOT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $11::int)
  RETURNING ${claimedColumns}
)`;

/**
 * The answer: a first row without a job, and one row for each job. `dead`: whether the incarnation may not claim any more.
 * `at_us`: the time of the claim, up to which the lanes were read. `paused`: the queues of which nothing was read.
 */
const answer = (s: string, unwritten: string) => `
SELECT ${noJob}, EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $11::int) AS dead,
       (pg_catalog.date_part('epoch', clock.at) * 1000000)::bigint AS at_us,
       CASE WHEN $12::boolean AND NOT EXISTS (SELECT FROM claimed) THEN (
         SELECT pg_catalog.date_part('epoch', min(next.run_at) - clock.at) * 1000
           FROM unnest($1::text[], $3::int[], $4::int[]) AS wanted(queue, first, last)
          CROSS JOIN LATERAL unnest(($5::smallint[])[wanted.first:wanted.last]) AS lane(priority)
          CROSS JOIN LATERAL (
                 SELECT n.run_at FROM ${s}.job n
                  WHERE n.queue = wanted.queue AND n.priority = lane.priority AND NOT n.gated AND n.run_at > clock.at
                  ORDER BY n.run_at, n.id LIMIT 1) next
          WHERE wanted.queue NOT IN (SELECT p.queue FROM paused p)) END AS due_ms,
       ARRAY(SELECT p.queue FROM paused p) AS paused,
       ${unwritten} AS unwritten
  FROM clock
UNION ALL
SELECT c.*, NULL, NULL, NULL, NULL, NULL FROM claimed c`;

/** Claims. */
export const claim = statement(
  'claim',
  (s) => `
WITH ${claimed(s)}
${answer(s, 'NULL::text[]')}`,
);

/**
 * Completes jobs and claims others, in one statement and one commit. After the parameters of the claim: $14 id[],
 * $15 lease[], $16 keep[], $17 result[] (JSON text), and $18 the worker's label. `unwritten`: the ids of those that were not
 * written, for their rows are held or gone.
 *
 * The fence and the way to the rows are those of `settle`. A request to cancel comes too late for a job that completed.
 */
export const completeAndClaim = statement(
  'complete_and_claim',
  (s) => `
WITH input AS MATERIALIZED (
  SELECT u.* FROM unnest($14::bigint[], $15::bigint[], $16::boolean[], $17::text[]) AS u(id, lease, keep, result)
), mine AS MATERIALIZED (
  SELECT i.keep, i.result, own.row_address
    FROM input i
   CROSS JOIN LATERAL (
          SELECT j.ctid AS row_address FROM ${s}.job j
           WHERE j.id = i.id AND j.lease = i.lease AND j.state = 1 FOR UPDATE SKIP LOCKED) own
), finished AS (
  DELETE FROM ${s}.job j USING mine m WHERE j.ctid = m.row_address
  RETURNING j.id, m.keep, m.result, ${movedColumns('j')}
), answered AS (
  DELETE FROM ${s}.cancel_request c WHERE c.job_id = ANY (ARRAY(SELECT f.id FROM finished f))
), ${claimed(s)}, archived AS (
  INSERT INTO ${s}.job_history (id, finished_at, state, worker, result, ${movedColumns('')})
  SELECT f.id, clock.at, 2, $18::text, f.result::jsonb, ${movedColumns('f')} FROM finished f CROSS JOIN clock WHERE f.keep
)
${answer(
  s,
  `(SELECT pg_catalog.array_agg(i.id::text) FROM input i
            WHERE NOT EXISTS (SELECT FROM finished f WHERE f.id = i.id))`,
)}`,
);
