import { statement } from './statement.ts';

/**
 * What waits in a database of a test, by queue and kind: how many jobs are due, and when the next of the others is. It reads
 * the whole table, which in a database at work may be long.
 */
export const waitingJobs = statement(
  'waiting_jobs',
  (s) => `
WITH clock AS MATERIALIZED (SELECT ${s}.now() AS at)
SELECT j.queue, j.kind, (count(*) FILTER (WHERE j.run_at <= clock.at))::int AS due,
       pg_catalog.date_part('epoch', min(j.run_at) FILTER (WHERE j.run_at > clock.at)) * 1000 AS next_ms
  FROM ${s}.job j CROSS JOIN clock
 WHERE j.state = 0 AND NOT j.gated
 GROUP BY j.queue, j.kind`,
);
