import { quoteText, type Names } from '../names.ts';

/**
 * Many jobs without unique keys as one array for each of their properties, which costs a third less than to read them as
 * JSON, and answered with one array of ids. Arrays that end early, or are null, stand for what is usual.
 */
export function enqueueBatch({ schema: s, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  const sequence = quoteText(`${s}.job_id_seq`);
  return `
CREATE FUNCTION ${s}.enqueue_batch(kinds text[], queues text[], priorities smallint[], max_attempts smallint[], payloads text[],
  metas text[], policies text[], delays_ms double precision[], scheduled_ats timestamptz[], payload_versions int[])
RETURNS bigint[] LANGUAGE plpgsql VOLATILE SET search_path = '' AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  -- All that this transaction enqueues lies behind its beginning, and equal notifications of a transaction are sent once.
  began timestamptz := moment - (pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp());
  class int := ${s}.waiting_class();
  ids bigint[];
BEGIN
  WITH input AS MATERIALIZED (
    SELECT r.*, pg_catalog.nextval(${sequence}::regclass) AS id,
           coalesce(r.scheduled_at, moment + coalesce(r.delay_ms, 0) * interval '1 millisecond') AS due_at
      FROM unnest(kinds, queues, priorities, max_attempts, payloads, metas, policies, delays_ms, scheduled_ats, payload_versions)
           AS r(kind, queue, priority, most_attempts, payload, meta, policy, delay_ms, scheduled_at, payload_version)
  ), stored AS (
    INSERT INTO ${s}.job (id, run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, payload_version,
                          meta, policy, payload)
    SELECT i.id, greatest(i.due_at, moment), i.due_at, moment, i.priority, i.most_attempts, i.queue, i.kind,
           coalesce(i.payload_version, 1), i.meta::jsonb, i.policy::jsonb, i.payload::jsonb
      FROM input i
  ), told AS (
    SELECT count(${s}.wake(q.queue, q.priority, began, 0)) AS n
      FROM (SELECT DISTINCT i.queue, i.priority FROM input i WHERE i.due_at < moment + interval '30 seconds') q
     -- As somebody_waits does, which is called only if there may be somebody.
     WHERE CASE WHEN pg_try_advisory_lock(class, hashtext(q.queue)) THEN NOT pg_advisory_unlock(class, hashtext(q.queue))
                ELSE ${s}.somebody_waits(q.queue) END
  )
  SELECT array_agg(i.id ORDER BY i.id) INTO ids FROM input i, told WHERE told.n >= 0;
  RETURN ids;
END
${quote};
`;
}
