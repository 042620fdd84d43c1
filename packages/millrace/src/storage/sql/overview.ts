import { statement } from './statement.ts';

/** What the views show is what these statements read, so that both always agree. */
export const listQueues = statement(
  'list_queues',
  (s) => `
SELECT q.queue, q.available::float8, q.running::float8, q.due_exact, q.scheduled::float8, q.retryable::float8, q.later_exact,
       pg_catalog.date_part('epoch', t.at - q.oldest_due_at) * 1000 AS oldest_due_ms, q.finished_per_minute, q.workers,
       q.paused_at, q.paused_by, q.pause_reason
  FROM ${s}.queues q CROSS JOIN (SELECT ${s}.now() AS at) t ORDER BY q.queue`,
);

/** In the order in which they started. A blocked process names what it ran last; what it still runs is asked of the jobs. */
export const listWorkers = statement(
  'list_workers',
  (s) => `
SELECT w.no, w.role, w.host, w.pid, w.version, w.mode, w.concurrency, w.kinds, w.held_kinds, w.queues, w.schedules, w.started_at,
       pg_catalog.date_part('epoch', t.at - w.seen_at) * 1000 AS silent_ms, w.running::float8, w.alone_job_id::text AS alone_job_id,
       w.blocked_since, (
         SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', j.id::text, 'kind', j.kind) ORDER BY j.id), '[]')
           FROM ${s}.job j JOIN ${s}.worker o ON o.no = (j.lease >> 32)::int AND o.boot = w.boot
          WHERE j.id = ANY (w.blocked_by_job_ids) AND j.state = 1) AS blocked_jobs
  FROM ${s}.workers w CROSS JOIN (SELECT ${s}.now() AS at) t ORDER BY w.started_at, w.no`,
);

/** Those of the last day, the latest first. */
export const listDead = statement(
  'list_dead',
  (s) => `
SELECT d.no, d.host, d.pid, d.died_at, d.reason, d.alone::text AS alone_job_id FROM ${s}.worker_dead d
 WHERE d.died_at > (SELECT ${s}.now()) - interval '1 day' ORDER BY d.died_at DESC LIMIT 100`,
);

export const finishedCounts = statement(
  'finished_counts',
  (s) => `SELECT f.state, f.jobs::float8, f.exact FROM ${s}.finished_counts() f`,
);

/** By kind, what finished in the last hour: of the newest 20,000. The span that they cover stands in every row, also in one without a kind. */
export const finishedSample = statement(
  'finished_sample',
  (s) => `
WITH clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), sample AS MATERIALIZED (
  SELECT f.*, f.finished_at > clock.at - interval '1 minute' AS fresh
    FROM ${s}.finished_lately(interval '1 hour', 20000) f CROSS JOIN clock
), span AS (
  SELECT CASE WHEN count(*) < 20000 THEN 3600000
              ELSE greatest(pg_catalog.date_part('epoch', min(clock.at) - min(m.finished_at)) * 1000, 1) END AS ms
    FROM sample m CROSS JOIN clock
), kinds AS (
  SELECT m.kind,
         count(*) FILTER (WHERE m.state = 2)::float8 AS hour_completed,
         count(*) FILTER (WHERE m.state = 3)::float8 AS hour_cancelled,
         count(*) FILTER (WHERE m.state = 4)::float8 AS hour_discarded,
         sum(m.attempt - CASE m.state WHEN 2 THEN 1 ELSE 0 END)::float8 AS hour_failed,
         count(*) FILTER (WHERE m.fresh AND m.state = 2)::float8 AS minute_completed,
         count(*) FILTER (WHERE m.fresh AND m.state = 3)::float8 AS minute_cancelled,
         count(*) FILTER (WHERE m.fresh AND m.state = 4)::float8 AS minute_discarded,
         coalesce(sum(m.attempt - CASE m.state WHEN 2 THEN 1 ELSE 0 END) FILTER (WHERE m.fresh), 0)::float8 AS minute_failed,
         percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
           ORDER BY pg_catalog.date_part('epoch', m.finished_at - m.claimed_at) * 1000) FILTER (WHERE m.state = 2) AS run_ms
    FROM sample m GROUP BY m.kind
)
SELECT span.ms AS over_ms, k.* FROM span LEFT JOIN kinds k ON true`,
);

export const readNow = statement(
  'read_now',
  (s) => `SELECT pg_catalog.date_part('epoch', ${s}.now()) * 1000 AS now_ms`,
);
