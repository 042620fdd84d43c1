import { claimedColumns } from './claimed-job.ts';
import { statement } from './statement.ts';

/**
 * Claims one job that waits, due or not: $1 its id, $2 the lease of this claim, $3 the incarnation, $4 the newest payload version that
 * is known. One row: `status`, and
 * the job if it was claimed. The place in the queue stays, so that it can be given back.
 */
export const claimJob = statement(
  'claim_job',
  (s) => `
WITH clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), dead AS MATERIALIZED (
  SELECT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $3::int) AS dead
), claimed AS (
  UPDATE ${s}.job j
     SET state = 1, attempt = j.attempt + 1, lease = $2::bigint, claimed_at = clock.at
    FROM clock
   WHERE j.ctid = ANY (ARRAY(
           SELECT c.ctid FROM ${s}.job c WHERE c.id = $1::bigint AND c.state = 0 AND c.payload_version <= $4::int
             FOR NO KEY UPDATE SKIP LOCKED))
     AND NOT (SELECT d.dead FROM dead d)
  RETURNING ${claimedColumns}
)
SELECT c.*, CASE WHEN c.id IS NOT NULL THEN 'claimed' WHEN dead.dead THEN 'dead'
            WHEN now.state = 1 THEN 'running' WHEN now.payload_version > $4::int THEN 'newer' WHEN now.state = 0 THEN 'busy'
            WHEN past.state IS NOT NULL THEN 'finished' ELSE 'missing' END AS status,
       CASE past.state WHEN 2 THEN 'completed' WHEN 3 THEN 'cancelled' WHEN 4 THEN 'discarded' END AS state,
       pg_catalog.date_part('epoch', clock.at) * 1000 AS at_ms
  FROM clock CROSS JOIN dead
  LEFT JOIN claimed c ON true
  LEFT JOIN LATERAL (SELECT j.state, j.payload_version FROM ${s}.job j WHERE j.id = $1::bigint) now ON true
  LEFT JOIN LATERAL (SELECT h.state FROM ${s}.job_history h WHERE h.id = $1::bigint LIMIT 1) past ON true`,
);
