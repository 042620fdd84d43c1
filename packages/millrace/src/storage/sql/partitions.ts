import { statement } from './statement.ts';

export const createPartitions = statement(
  'create_partitions',
  (s) => `SELECT created FROM ${s}.create_partitions() AS created`,
);

/**
 * The tables of days that are kept no longer, attached or left over from an interrupted drop: $1 the schema, $2 and $3 how
 * long completed and other finished jobs are kept, in ms. `state`: attached, detaching, detached. `owned`: by this role.
 */
export const expiredPartitions = statement(
  'expired_partitions',
  (s) => `
SELECT c.relname AS name, kept.parent,
       CASE WHEN i.inhrelid IS NULL THEN 'detached' WHEN i.inhdetachpending THEN 'detaching' ELSE 'attached' END AS state,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned
  FROM (VALUES ('job_history_completed', $2::double precision), ('job_history_ended', $3::double precision),
               ('job_attempt', greatest($2::double precision, $3::double precision))) AS kept(parent, ms)
  JOIN pg_catalog.pg_class c ON c.relkind = 'r' AND c.relname ~ ('^' || kept.parent || '_[0-9]{8}$')
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
  LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
 WHERE pg_catalog.to_date(pg_catalog.right(c.relname, 8), 'YYYYMMDD') + 1
       <= (${s}.now() AT TIME ZONE 'UTC') - kept.ms * interval '1 millisecond'
 ORDER BY c.relname`,
);

/** The table of a day that this role does not own: $1 its name. */
export const dropPartition = statement(
  'drop_partition',
  (s) => `SELECT ${s}.drop_partition($1::text)`,
);

/**
 * What else ages: $1 how long, in ms. Records of fire times, tombstones, who is gone, requests to cancel jobs that are gone,
 * and what jobs said of their progress: two days more, for a job ends after its last word.
 */
export const prune = statement(
  'prune',
  (s) => `
WITH limits AS (SELECT ${s}.now() - $1::double precision * interval '1 millisecond' AS at),
fires AS (DELETE FROM ${s}.schedule_fire f USING limits l WHERE f.fire_time < l.at RETURNING f.name),
runs AS (DELETE FROM ${s}.schedule_run r USING limits l WHERE r.asked_at < l.at RETURNING r.name),
tombs AS (DELETE FROM ${s}.worker_dead d USING limits l WHERE d.died_at < l.at
            AND NOT EXISTS (SELECT FROM ${s}.job j WHERE j.state = 1 AND (j.lease >> 32)::int = d.no) RETURNING d.no),
gone AS (DELETE FROM ${s}.worker_gone g USING limits l WHERE g.gone_at < l.at RETURNING g.pid),
requests AS (DELETE FROM ${s}.cancel_request c
              WHERE NOT EXISTS (SELECT FROM ${s}.job j WHERE j.id = c.job_id) RETURNING c.job_id),
progress AS (DELETE FROM ${s}.job_progress p USING limits l WHERE p.reported_at < l.at - interval '2 days'
              AND NOT EXISTS (SELECT FROM ${s}.job j WHERE j.id = p.job_id) RETURNING p.job_id)
SELECT (SELECT count(*) FROM fires) + (SELECT count(*) FROM runs) + (SELECT count(*) FROM tombs) + (SELECT count(*) FROM gone)
     + (SELECT count(*) FROM requests) + (SELECT count(*) FROM progress) AS removed`,
);
