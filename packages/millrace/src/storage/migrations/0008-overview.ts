import type { Names } from '../names.ts';

/**
 * What operators look at, and the pause of a schedule.
 *
 * Nothing here reads a table from end to end: lanes are found by going from one to the next, of each lane only the first
 * rows are counted, and what lies beyond is asked of the planner. The functions choose how they are planned, for
 * statistics of a queue are wrong whenever it has just filled or emptied; without settings a plan may read everything.
 */
export function overview({ schema: s, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  // The schema inside a text, and inside a format that stands in a text.
  const inText = s.replaceAll("'", "''");
  const literal = inText.replaceAll('%', '%%');
  const byIndex = `SET search_path = '' SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off`;
  const inLane = `j.queue = l.queue AND j.priority = l.priority AND NOT j.gated`;
  return `
ALTER TABLE ${s}.schedule ADD COLUMN paused_at timestamptz, ADD COLUMN paused_by text, ADD COLUMN pause_reason text,
  ADD CONSTRAINT schedule_pause_check CHECK ((paused_at IS NULL) = (paused_by IS NULL) AND (paused_at IS NULL) = (pause_reason IS NULL));

CREATE TABLE ${s}.schedule_run (
  job_id   bigint PRIMARY KEY,
  name     text NOT NULL,
  asked_at timestamptz NOT NULL,
  asked_by text NOT NULL
);
CREATE INDEX schedule_run_name ON ${s}.schedule_run (name, asked_at);
COMMENT ON TABLE ${s}.schedule_run IS 'Jobs of schedules that somebody asked for outside the fire times.';

-- For those who follow what happens. Where building would hold up whoever adds attempts for more than a moment, the day is
-- read without, and gone soon. The short patience for locks ends with this transaction.
CREATE INDEX job_attempt_ended ON ONLY ${s}.job_attempt (ended_at);
DO ${quote}
DECLARE
  part record;
BEGIN
  PERFORM pg_catalog.set_config('lock_timeout', '100ms', true);
  FOR part IN
    SELECT n.nspname, c.relname FROM pg_catalog.pg_inherits i
      JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE i.inhparent = '${inText}.job_attempt'::pg_catalog.regclass AND NOT i.inhdetachpending
       AND pg_catalog.pg_relation_size(c.oid) < 64 * 1024 * 1024
  LOOP
    BEGIN
      EXECUTE pg_catalog.format('CREATE INDEX %I ON %I.%I (ended_at)', part.relname || '_ended_at_idx', part.nspname, part.relname);
      EXECUTE pg_catalog.format('ALTER INDEX %I.job_attempt_ended ATTACH PARTITION %1$I.%I', part.nspname,
                                part.relname || '_ended_at_idx');
    EXCEPTION WHEN lock_not_available THEN
      NULL;
    END;
  END LOOP;
END
${quote};

CREATE FUNCTION ${s}.lanes() RETURNS TABLE (queue text, priority smallint) LANGUAGE sql STABLE ${byIndex} AS ${quote}
  WITH RECURSIVE lane AS (
    (SELECT j.queue, j.priority FROM ${s}.job j WHERE NOT j.gated ORDER BY j.queue, j.priority DESC LIMIT 1)
    UNION ALL
    SELECT next.queue, next.priority FROM lane l CROSS JOIN LATERAL (
      (SELECT j.queue, j.priority FROM ${s}.job j WHERE NOT j.gated AND j.queue = l.queue AND j.priority < l.priority
        ORDER BY j.priority DESC LIMIT 1)
      UNION ALL
      (SELECT j.queue, j.priority FROM ${s}.job j WHERE NOT j.gated AND j.queue > l.queue
        ORDER BY j.queue, j.priority DESC LIMIT 1)
      LIMIT 1) next
  )
  SELECT lane.queue, lane.priority FROM lane
${quote};

-- How many rows of each lane are counted, and twice that: of those that are due, and of those that are not.
CREATE FUNCTION ${s}.counted_rows(lanes bigint) RETURNS int LANGUAGE sql IMMUTABLE SET search_path = '' AS ${quote}
  SELECT greatest(100, least(10000, 20000 / greatest(lanes, 1)))::int
${quote};

CREATE FUNCTION ${s}.estimated_jobs(its_queue text, after timestamptz, until timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = '' AS ${quote}
DECLARE
  plan json;
BEGIN
  EXECUTE pg_catalog.format('EXPLAIN (FORMAT JSON) SELECT FROM ${literal}.job j WHERE j.queue = %L AND j.run_at > %L::timestamptz'
    || ' AND j.run_at <= %L::timestamptz', its_queue, after, until) INTO plan;
  RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric::bigint;
END
${quote};

CREATE FUNCTION ${s}.running_jobs()
RETURNS TABLE (id bigint, kind text, queue text, attempt smallint, worker int, lease bigint, claimed_at timestamptz)
LANGUAGE sql ${byIndex} AS ${quote}
  WITH clock AS MATERIALIZED (
    SELECT ${s}.now() AS at
  ), lane AS MATERIALIZED (
    SELECT l.queue, l.priority FROM ${s}.lanes() l
  ), bound AS MATERIALIZED (
    SELECT ${s}.counted_rows(count(*)) AS most FROM lane
  )
  SELECT head.id, head.kind, l.queue, head.attempt, (head.lease >> 32)::int, head.lease, head.claimed_at
    FROM lane l CROSS JOIN clock CROSS JOIN bound CROSS JOIN LATERAL (
      SELECT j.id, j.kind, j.attempt, j.lease, j.claimed_at, j.state FROM ${s}.job j
       WHERE ${inLane} AND j.run_at <= clock.at ORDER BY j.run_at, j.id LIMIT bound.most) head
   WHERE head.state = 1
${quote};

CREATE FUNCTION ${s}.finished_lately(span interval, most int)
RETURNS TABLE (queue text, kind text, state smallint, attempt smallint, claimed_at timestamptz, finished_at timestamptz)
LANGUAGE sql ${byIndex} AS ${quote}
  SELECT newest.* FROM (SELECT ${s}.now() - span AS at) since CROSS JOIN LATERAL (
    SELECT h.queue, h.kind, h.state, h.attempt, h.claimed_at, h.finished_at FROM ${s}.job_history h
     WHERE h.finished_at > since.at ORDER BY h.finished_at DESC LIMIT most) newest
${quote};

CREATE FUNCTION ${s}.estimated_finished(its_state smallint) RETURNS bigint LANGUAGE plpgsql SET search_path = '' AS ${quote}
DECLARE
  plan json;
BEGIN
  EXECUTE pg_catalog.format('EXPLAIN (FORMAT JSON) SELECT FROM ${literal}.job_history h WHERE h.state = %L::smallint', its_state) INTO plan;
  RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric::bigint;
END
${quote};

CREATE FUNCTION ${s}.finished_counts() RETURNS TABLE (state text, jobs bigint, exact boolean)
LANGUAGE sql SET search_path = '' SET jit = off AS ${quote}
  WITH seen AS MATERIALIZED (
    SELECT 2::smallint AS state, count(*) AS jobs, count(*) AS counted
      FROM (SELECT FROM ${s}.job_history_completed h LIMIT 10000) c
    UNION ALL
    SELECT e.state, count(*), sum(count(*)) OVER () FROM (
      SELECT h.state FROM ${s}.job_history_ended h LIMIT 10000) e GROUP BY e.state
  )
  SELECT n.name,
         CASE WHEN exact.yes THEN coalesce(m.jobs, 0) ELSE greatest(m.jobs, ${s}.estimated_finished(n.state)) END, exact.yes
    FROM (VALUES (2::smallint, 'completed'), (3::smallint, 'cancelled'), (4::smallint, 'discarded')) AS n(state, name)
    LEFT JOIN seen m ON m.state = n.state
   CROSS JOIN LATERAL (
          SELECT coalesce(max(o.counted), 0) < 10000 AS yes FROM seen o WHERE (o.state = 2) = (n.state = 2)) exact
${quote};

CREATE FUNCTION ${s}.queue_depths()
RETURNS TABLE (queue text, available bigint, running bigint, due_exact boolean, scheduled bigint, retryable bigint,
               later_exact boolean, oldest_due_at timestamptz)
LANGUAGE sql ${byIndex} AS ${quote}
  WITH clock AS MATERIALIZED (
    SELECT ${s}.now() AS at
  ), lane AS MATERIALIZED (
    SELECT l.queue, l.priority FROM ${s}.lanes() l
  ), bound AS MATERIALIZED (
    SELECT ${s}.counted_rows(count(*)) AS most FROM lane
  ), seen AS MATERIALIZED (
    SELECT l.queue, sum(due.waits) AS available, sum(due.runs) AS running, bool_and(due.counted < bound.most) AS due_exact,
           sum(later.waits) AS scheduled, sum(later.retries) AS retryable, bool_and(later.counted < bound.most) AS later_exact,
           min(oldest.run_at) AS oldest_due_at
      FROM lane l CROSS JOIN clock CROSS JOIN bound
     CROSS JOIN LATERAL (
             SELECT count(*) AS counted, count(*) FILTER (WHERE d.state = 0) AS waits, count(*) FILTER (WHERE d.state = 1) AS runs
               FROM (SELECT j.state FROM ${s}.job j WHERE ${inLane} AND j.run_at <= clock.at
                      ORDER BY j.run_at, j.id LIMIT bound.most) d) due
     CROSS JOIN LATERAL (
             SELECT count(*) AS counted, count(*) FILTER (WHERE d.attempt = 0) AS waits, count(*) FILTER (WHERE d.attempt > 0) AS retries
               FROM (SELECT j.attempt FROM ${s}.job j WHERE ${inLane} AND j.run_at > clock.at
                      ORDER BY j.run_at, j.id LIMIT bound.most) d) later
      LEFT JOIN LATERAL (
             SELECT j.run_at FROM ${s}.job j WHERE ${inLane} AND j.state = 0 AND j.run_at <= clock.at
              ORDER BY j.run_at, j.id LIMIT 1) oldest ON true
     GROUP BY l.queue
  ), estimated AS MATERIALIZED (
    SELECT n.*, CASE WHEN n.due_exact THEN 0 ELSE ${s}.estimated_jobs(n.queue, '-infinity', clock.at) END AS due,
           CASE WHEN n.later_exact THEN 0 ELSE ${s}.estimated_jobs(n.queue, clock.at, 'infinity') END AS later
      FROM seen n CROSS JOIN clock
  )
  SELECT e.queue, greatest(e.available, e.due - e.running)::bigint, e.running::bigint, e.due_exact,
         greatest(e.scheduled, e.later * e.scheduled / greatest(e.scheduled + e.retryable, 1))::bigint,
         greatest(e.retryable, e.later * e.retryable / greatest(e.scheduled + e.retryable, 1))::bigint,
         e.later_exact, e.oldest_due_at
    FROM estimated e
${quote};

CREATE VIEW ${s}.queues AS
WITH clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), depth AS MATERIALIZED (
  SELECT d.* FROM ${s}.queue_depths() d
), lately AS MATERIALIZED (
  SELECT f.queue, f.finished_at FROM ${s}.finished_lately(interval '1 minute', 10000) f
), span AS MATERIALIZED (
  SELECT CASE WHEN count(*) < 10000 THEN 60
              ELSE greatest(pg_catalog.date_part('epoch', min(clock.at) - min(l.finished_at)), 0.001) END AS seconds
    FROM lately l CROSS JOIN clock
), finished AS MATERIALIZED (
  SELECT l.queue, count(*) AS jobs FROM lately l GROUP BY l.queue
), serving AS MATERIALIZED (
  SELECT q.queue, count(*)::int AS workers FROM ${s}.worker w CROSS JOIN LATERAL unnest(w.queues) AS q(queue)
   WHERE w.role = 'worker' GROUP BY q.queue
)
SELECT n.queue, coalesce(d.available, 0) AS available, coalesce(d.running, 0) AS running,
       coalesce(d.due_exact, true) AS due_exact, coalesce(d.scheduled, 0) AS scheduled, coalesce(d.retryable, 0) AS retryable,
       coalesce(d.later_exact, true) AS later_exact, d.oldest_due_at,
       coalesce(f.jobs * 60 / span.seconds, 0)::double precision AS finished_per_minute, coalesce(w.workers, 0) AS workers,
       p.paused_at, p.paused_by, p.reason AS pause_reason
  FROM (SELECT depth.queue FROM depth UNION SELECT serving.queue FROM serving UNION SELECT finished.queue FROM finished
        UNION SELECT q.queue FROM ${s}.queue_pause q) n
 CROSS JOIN span
  LEFT JOIN depth d ON d.queue = n.queue
  LEFT JOIN finished f ON f.queue = n.queue
  LEFT JOIN serving w ON w.queue = n.queue
  LEFT JOIN ${s}.queue_pause p ON p.queue = n.queue;
COMMENT ON VIEW ${s}.queues IS 'Each queue: jobs by state, the oldest due one, jobs finished per minute, live workers, its pause. Where due_exact is false, available is an estimate and running counts only the first rows; where later_exact is false, scheduled and retryable are estimates.';

CREATE VIEW ${s}.schedules AS
SELECT c.name, c.kind, c.spec, c.anchor, c.last_fire AS considered_until, fired.fire_time AS last_fire, fired.job_id AS last_job_id,
       (SELECT v.state FROM ${s}.jobs v WHERE v.id = fired.job_id) AS last_job_state,
       EXISTS (SELECT FROM ${s}.worker w
                WHERE w.role = 'scheduler' AND (c.name || ' ' || c.spec) = ANY (w.schedules)) AS known,
       c.paused_at, c.paused_by, c.pause_reason,
       asked.asked_at AS last_run_at, asked.asked_by AS last_run_by, asked.job_id AS last_run_job_id
  FROM ${s}.schedule c
  LEFT JOIN LATERAL (SELECT f.fire_time, f.job_id FROM ${s}.schedule_fire f WHERE f.name = c.name
                      ORDER BY f.fire_time DESC LIMIT 1) fired ON true
  LEFT JOIN LATERAL (SELECT r.asked_at, r.asked_by, r.job_id FROM ${s}.schedule_run r WHERE r.name = c.name
                      ORDER BY r.asked_at DESC LIMIT 1) asked ON true;
COMMENT ON VIEW ${s}.schedules IS 'Each schedule: its last fire time and the state of that job, its pause, the last run that somebody asked for. known: a live scheduler fires it. Fire times up to considered_until were fired or let go.';

CREATE VIEW ${s}.workers AS
WITH counted AS MATERIALIZED (
  SELECT r.worker, count(*) AS jobs FROM ${s}.running_jobs() r GROUP BY r.worker
)
SELECT w.no, w.boot, w.role, w.host, w.pid, w.version, w.mode, w.concurrency, w.kinds, w.held_kinds, w.queues, w.schedules, w.started_at,
       -- Nothing is counted unless somebody does not say.
       w.seen_at, CASE WHEN w.role = 'scheduler' THEN 0
                       WHEN w.running IS NOT NULL THEN w.running
                       ELSE (SELECT coalesce(sum(c.jobs), 0) FROM counted c WHERE c.worker = w.no) END::bigint AS running,
       w.alone AS alone_job_id, w.blocked_since, w.blocked_by AS blocked_by_job_ids
  FROM ${s}.worker w;
COMMENT ON VIEW ${s}.workers IS 'Each live worker and scheduler. running: at the last heartbeat; for workers of releases that do not say it, the jobs found among the first rows of each queue and priority.';
`;
}
