import { statement } from './statement.ts';

/**
 * $1 queues text[]. Takes the locks that say that somebody waits for jobs of these queues; answers with those it got.
 * Whoever enqueues may hold one for a moment, so it is tried and not waited for.
 */
export const takeWait = statement(
  'take_wait',
  (s) => `
SELECT q.queue FROM unnest($1::text[]) AS q(queue)
 WHERE pg_catalog.pg_try_advisory_lock_shared(${s}.waiting_class(), pg_catalog.hashtext(q.queue))`,
);

/** $1 queues text[]. */
export const endWait = statement(
  'end_wait',
  (s) => `
SELECT pg_catalog.pg_advisory_unlock_shared(${s}.waiting_class(), pg_catalog.hashtext(q.queue)) AS ended
  FROM unnest($1::text[]) AS q(queue)`,
);
