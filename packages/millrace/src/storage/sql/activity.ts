import { statement } from './statement.ts';

/**
 * $1 how far back to stay at least, in ms. Up to where everything is committed: whoever has written something and is open now
 * writes no time before it began.
 */
export const activityHorizon = statement(
  'activity_horizon',
  (s) => `
SELECT (pg_catalog.date_part('epoch', t.at) * 1000000)::bigint::text AS now_us,
       (pg_catalog.date_part('epoch', t.at) * 1000000)::bigint - greatest($1::text::bigint * 1000, coalesce((
         SELECT (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - min(a.xact_start)) * 1000000)::bigint
           FROM pg_catalog.pg_stat_activity a
          WHERE a.datname = pg_catalog.current_database() AND a.backend_xid IS NOT NULL), 0)) || '' AS safe_us,
       coalesce((SELECT max(j.id) FROM ${s}.job j), 0)::text AS newest_id
  FROM (SELECT ${s}.now() AS at) t`,
);

const place = (us: string) =>
  `(timestamptz 'epoch' + ${us}::text::bigint * interval '1 microsecond')`;
const placeOf = (column: string) =>
  `(pg_catalog.date_part('epoch', ${column}) * 1000000)::bigint::text`;

/** $1 and $2 behind this time in µs and id, $3 kind or null, $4 queue or null, $5 how many. */
export const finishedActivity = statement(
  'finished_activity',
  (s) => `
SELECT ${placeOf('h.finished_at')} AS us, h.id::text AS id, h.finished_at AS at,
       CASE h.state WHEN 2 THEN 'completed' WHEN 3 THEN 'cancelled' ELSE 'discarded' END AS event, h.kind, h.queue, h.attempt,
       h.worker, h.created_at, h.claimed_at, h.reason,
       CASE WHEN h.state = 4 THEN (
         SELECT a.error FROM ${s}.job_attempt a WHERE a.job_id = h.id ORDER BY a.ended_at DESC LIMIT 1) END AS error
  FROM ${s}.job_history h
 WHERE h.finished_at >= ${place('$1')} AND (h.finished_at, h.id) > (${place('$1')}, $2::text::bigint)
   AND ($3::text IS NULL OR h.kind = $3::text) AND ($4::text IS NULL OR h.queue = $4::text)
 ORDER BY h.finished_at, h.id LIMIT $5::text::int`,
);

/** The same of attempts that failed or crashed; those that ended their job are told of with the job. */
export const attemptActivity = statement(
  'attempt_activity',
  (s) => `
SELECT ${placeOf('a.ended_at')} AS us, a.job_id::text AS id, a.ended_at AS at, a.ending AS event, v.kind, v.queue, a.attempt,
       a.worker, v.created_at, a.started_at AS claimed_at, NULL AS reason, a.error
  FROM ${s}.job_attempt a
  LEFT JOIN LATERAL (SELECT j.kind, j.queue, j.created_at FROM ${s}.jobs j WHERE j.id = a.job_id LIMIT 1) v ON true
 WHERE a.ended_at >= ${place('$1')} AND (a.ended_at, a.job_id) > (${place('$1')}, $2::text::bigint)
   AND a.ending IN ('failed', 'crashed')
   AND ($3::text IS NULL OR v.kind = $3::text) AND ($4::text IS NULL OR v.queue = $4::text)
 ORDER BY a.ended_at, a.job_id LIMIT $5::text::int`,
);

/** $1 behind this id, $2 kind or null, $3 queue or null, $4 how many. */
export const enqueuedActivity = statement(
  'enqueued_activity',
  (s) => `
SELECT j.id::text AS id, j.created_at AS at, j.kind, j.queue FROM ${s}.job j
 WHERE j.id > $1::text::bigint AND ($2::text IS NULL OR j.kind = $2::text) AND ($3::text IS NULL OR j.queue = $3::text)
 ORDER BY j.id LIMIT $4::text::int`,
);

/** $1 kind or null, $2 queue or null. */
export const runningActivity = statement(
  'running_activity',
  (s) => `
SELECT r.id::text AS id, r.claimed_at AS at, r.kind, r.queue, r.attempt, w.host || ':' || w.pid AS worker
  FROM ${s}.running_jobs() r LEFT JOIN ${s}.worker w ON w.no = r.worker
 WHERE ($1::text IS NULL OR r.kind = $1::text) AND ($2::text IS NULL OR r.queue = $2::text)`,
);
