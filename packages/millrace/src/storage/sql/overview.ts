import { quoteText } from '../names.ts';
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

/**
 * The same without counting: what the planner expects, of the queues that are served, paused, or known from the statistics
 * and from what finished lately. Null is what that cannot tell.
 */
export const estimateQueues = statement(
  'estimate_queues',
  (s, { plainSchema }) => `
WITH clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), lately AS MATERIALIZED (
  SELECT f.queue, f.finished_at FROM ${s}.finished_lately(interval '1 minute', 10000) f
), span AS (
  SELECT CASE WHEN count(*) < 10000 THEN 60
              ELSE greatest(pg_catalog.date_part('epoch', min(clock.at) - min(l.finished_at)), 0.001) END AS seconds
    FROM lately l CROSS JOIN clock
), finished AS (
  SELECT l.queue, count(*) AS jobs FROM lately l GROUP BY l.queue
), serving AS (
  SELECT q.queue, count(*)::int AS workers FROM ${s}.worker w CROSS JOIN LATERAL unnest(w.queues) AS q(queue)
   WHERE w.role = 'worker' GROUP BY q.queue
), known AS (
  SELECT serving.queue FROM serving UNION SELECT finished.queue FROM finished UNION SELECT q.queue FROM ${s}.queue_pause q
   UNION SELECT unnest(p.most_common_vals::text::text[]) FROM pg_catalog.pg_stats p
          WHERE p.schemaname = ${quoteText(plainSchema)} AND p.tablename = 'job' AND p.attname = 'queue'
)
SELECT n.queue, ${s}.estimated_jobs(n.queue, '-infinity', clock.at)::float8 AS available, NULL::float8 AS running,
       false AS due_exact, ${s}.estimated_jobs(n.queue, clock.at, 'infinity')::float8 AS scheduled, NULL::float8 AS retryable,
       false AS later_exact, NULL::float8 AS oldest_due_ms,
       coalesce(f.jobs * 60 / span.seconds, 0)::float8 AS finished_per_minute, coalesce(w.workers, 0) AS workers,
       p.paused_at, p.paused_by, p.reason AS pause_reason
  FROM known n CROSS JOIN clock CROSS JOIN span
  LEFT JOIN finished f ON f.queue = n.queue
  LEFT JOIN serving w ON w.queue = n.queue
  LEFT JOIN ${s}.queue_pause p ON p.queue = n.queue
 ORDER BY n.queue`,
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
