import { statement } from './statement.ts';

/**
 * $1 id[], $2 lease[], $3 percent[], $4 note[]. What running jobs say of themselves; those that are not under their lease any
 * more are passed by. It waits for nobody, as it stands in line with the claims: rows of jobs are only read, and a row of
 * progress that somebody holds is left as it is.
 */
export const reportProgress = statement(
  'report_progress',
  (s) => `
WITH said AS MATERIALIZED (
  SELECT i.id, own.attempt, i.percent, i.note
    FROM unnest($1::bigint[], $2::bigint[], $3::double precision[], $4::text[]) AS i(id, lease, percent, note)
   CROSS JOIN LATERAL (
          SELECT j.attempt FROM ${s}.job j WHERE j.id = i.id AND j.lease = i.lease AND j.state = 1 OFFSET 0) own
), before AS MATERIALIZED (
  SELECT i.*, own.row_address
    FROM said i
   CROSS JOIN LATERAL (
          SELECT p.ctid AS row_address FROM ${s}.job_progress p WHERE p.job_id = i.id FOR UPDATE SKIP LOCKED) own
), changed AS (
  UPDATE ${s}.job_progress p
     SET attempt = b.attempt, percent = b.percent, note = b.note, reported_at = ${s}.now()
    FROM before b WHERE p.ctid = b.row_address
)
INSERT INTO ${s}.job_progress (job_id, attempt, percent, note, reported_at)
SELECT i.id, i.attempt, i.percent, i.note, ${s}.now()
  FROM said i WHERE NOT EXISTS (SELECT FROM ${s}.job_progress p WHERE p.job_id = i.id)
ON CONFLICT DO NOTHING`,
);
