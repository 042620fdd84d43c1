import { statement } from './statement.ts';

const columns = 'queue, paused_at, paused_by, reason';

/** $1 queue, $2 who, $3 why. An earlier pause stays; no row: it was made or ended at this very moment. */
export const pauseQueue = statement(
  'pause_queue',
  (s) => `
WITH made AS (
  INSERT INTO ${s}.queue_pause (${columns}) VALUES ($1::text, ${s}.now(), $2::text, $3::text)
  ON CONFLICT DO NOTHING
  RETURNING ${columns}
)
SELECT true AS made, m.* FROM made m
UNION ALL
SELECT false, ${columns} FROM ${s}.queue_pause p WHERE p.queue = $1::text`,
);

/** $1 queue. */
export const resumeQueue = statement(
  'resume_queue',
  (s) => `DELETE FROM ${s}.queue_pause WHERE queue = $1::text RETURNING ${columns}`,
);
