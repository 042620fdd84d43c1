import { lanes } from './lanes.ts';
import { statement } from './statement.ts';

/** For the rest of the transaction: a look that takes longer is given up, and rows are found by the index. */
export const boundedLook = statement(
  'bounded_look',
  () => `
SELECT pg_catalog.set_config(s.name, s.value, true)
  FROM (VALUES ('statement_timeout', '1000'), ('lock_timeout', '100'), ('enable_seqscan', 'off'), ('enable_bitmapscan', 'off'),
               ('jit', 'off')) AS s(name, value)`,
);

/**
 * $1 how many rows to count at most. One row for each queue that holds unfinished jobs: how many there are, how many are
 * due, and for how long the oldest of those has been. Each count ends at $1: of the whole queue, and of each lane.
 */
export const backlog = statement(
  'backlog',
  (s) => `
WITH RECURSIVE clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), ${lanes(s)}, due AS (
  SELECT l.queue, sum(h.jobs) AS jobs, min(h.first) AS first
    FROM lane l CROSS JOIN clock CROSS JOIN LATERAL (
      SELECT count(*) AS jobs, min(r.run_at) AS first FROM (
        SELECT j.run_at FROM ${s}.job j
         WHERE j.queue = l.queue AND j.priority = l.priority AND NOT j.gated AND j.state = 0 AND j.run_at <= clock.at
         ORDER BY j.run_at, j.id LIMIT $1::text::int) r) h
   GROUP BY l.queue
)
SELECT d.queue, d.jobs::int AS due, pg_catalog.date_part('epoch', clock.at - d.first) * 1000 AS oldest_ms,
       (SELECT count(*) FROM (SELECT FROM ${s}.job j WHERE j.queue = d.queue AND NOT j.gated LIMIT $1::text::int) r)::int AS jobs
  FROM due d CROSS JOIN clock ORDER BY d.queue`,
);

/** $1 queue. What the planner expects to find, for queues too long to be counted; nothing is read. */
export const expectedJobs = statement(
  'expected_jobs',
  (s) => `EXPLAIN (FORMAT JSON) SELECT FROM ${s}.job j WHERE j.queue = $1::text AND NOT j.gated`,
);

/** $1 queue. Of those, the ones that are due. */
export const expectedDue = statement(
  'expected_due',
  (s) => `
EXPLAIN (FORMAT JSON) SELECT FROM ${s}.job j
 WHERE j.queue = $1::text AND NOT j.gated AND j.state = 0 AND j.run_at <= pg_catalog.now()`,
);
