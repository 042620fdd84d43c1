import { statement } from './statement.ts';

const columns = `v.id::text AS id, v.kind, v.state, v.queue, v.priority, v.attempt, v.max_attempts, v.crashes, v.payload,
       v.tags, v.unique_key, v.created_at, v.scheduled_at, v.claimed_at, v.finished_at, v.result, v.reason,
       v.cancel_requested`;

/** $1 id. */
export const getJob = statement(
  'get',
  (s) => `
SELECT ${columns}, p.percent, p.note, p.attempt AS progress_attempt, p.reported_at
  FROM ${s}.jobs v LEFT JOIN ${s}.job_progress p ON p.job_id = v.id WHERE v.id = $1::text::bigint`,
);

/** $1 id, $2 how many: the last attempts that are kept, newest first. */
export const getAttempts = statement(
  'get_attempts',
  (s) => `
SELECT a.attempt, a.ending, a.started_at, a.ended_at, a.worker, a.error, a.logs FROM ${s}.job_attempt a
 WHERE a.job_id = $1::text::bigint ORDER BY a.ended_at DESC, a.attempt DESC LIMIT $2::text::int`,
);
