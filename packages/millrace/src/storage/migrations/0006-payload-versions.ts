import { quoteText, type Names } from '../names.ts';

/** Producers say which version of its definition a payload was made by; whoever says nothing means the first. */
export function payloadVersions({ schema: s, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  const sequence = quoteText(`${s}.job_id_seq`);
  // What both branches of enqueue_jobs read of the JSON; the names stand once so that the branches cannot differ.
  const read =
    'kind, queue, priority, max_attempts, payload, meta, policy, delay_ms, scheduled_at, payload_version';
  const readTyped = `kind text, queue text, priority smallint, max_attempts smallint, payload jsonb, meta jsonb, policy jsonb,
               delay_ms double precision, scheduled_at timestamptz, payload_version int`;
  // A recordset reads the JSON value null as one that is missing.
  const payload = `coalesce(i.payload, 'null')`;
  const dueAt = `coalesce(r.scheduled_at, moment + coalesce(r.delay_ms, 0) * interval '1 millisecond') AS due_at`;
  const told = (rows: string) => `told AS (
      SELECT count(${s}.wake(q.queue, q.priority, began, 0)) AS n
        FROM (SELECT DISTINCT i.queue, i.priority FROM ${rows} i WHERE i.due_at < moment + interval '30 seconds') q
       -- As somebody_waits does, which is called only if there may be somebody.
       WHERE CASE WHEN pg_try_advisory_lock(class, hashtext(q.queue)) THEN NOT pg_advisory_unlock(class, hashtext(q.queue))
                  ELSE ${s}.somebody_waits(q.queue) END
    )`;
  return `
CREATE OR REPLACE FUNCTION ${s}.enqueue_jobs(jobs json)
RETURNS TABLE (job_position bigint, job_id bigint, created boolean)
LANGUAGE plpgsql VOLATILE SET search_path = '' AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  -- All that this transaction enqueues lies behind its beginning, and equal notifications of a transaction are sent once.
  began timestamptz := moment - (pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp());
  class int := ${s}.waiting_class();
  open_positions bigint[];
  new_positions bigint[];
  new_ids bigint[];
  old_positions bigint[];
  old_ids bigint[];
BEGIN
  -- A payload may contain these words too; then the longer way gives the same result.
  IF pg_catalog.strpos(jobs::text, '"unique_key"') = 0 THEN
    RETURN QUERY
    WITH input AS MATERIALIZED (
      SELECT r.*, pg_catalog.nextval(${sequence}::regclass) AS id, ${dueAt}
        FROM ROWS FROM (json_to_recordset(jobs) AS (${readTyped}))
             WITH ORDINALITY AS r(${read}, place)
    ), stored AS (
      INSERT INTO ${s}.job (id, run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, payload_version,
                            meta, policy, payload)
      SELECT i.id, greatest(i.due_at, moment), i.due_at, moment, i.priority, i.max_attempts, i.queue, i.kind,
             coalesce(i.payload_version, 1), i.meta, i.policy, ${payload}
        FROM input i
    ), ${told('input')}
    SELECT i.place, i.id, true FROM input i, told WHERE told.n >= 0;
    RETURN;
  END IF;

  -- A key that is taken answers with the job that holds it. That job may finish between the two statements; then there
  -- is neither a new row nor an old one, and these positions are tried again.
  FOR attempt IN 1 .. 10 LOOP
    WITH input AS MATERIALIZED (
      SELECT r.*, pg_catalog.nextval(${sequence}::regclass) AS id, ${dueAt}
        FROM ROWS FROM (json_to_recordset(jobs) AS (${readTyped}, unique_key text))
             WITH ORDINALITY AS r(${read}, unique_key, place)
       WHERE open_positions IS NULL OR r.place = ANY (open_positions)
    ), stored AS (
      -- Sorted, so that two transactions that enqueue the same keys never wait for each other in a circle.
      INSERT INTO ${s}.job (id, run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, unique_key,
                            payload_version, meta, policy, payload)
      SELECT i.id, greatest(i.due_at, moment), i.due_at, moment, i.priority, i.max_attempts, i.queue, i.kind,
             i.unique_key, coalesce(i.payload_version, 1), i.meta, i.policy, ${payload}
        FROM input i ORDER BY i.queue, i.unique_key, i.place
      ON CONFLICT (queue, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
      RETURNING id
    ), fresh AS MATERIALIZED (
      SELECT i.* FROM input i JOIN stored USING (id)
    ), ${told('fresh')}
    SELECT coalesce(array_agg(i.place), '{}'), coalesce(array_agg(i.id), '{}') INTO new_positions, new_ids
      FROM fresh i, told WHERE told.n >= 0;
    RETURN QUERY SELECT u.place, u.id, true FROM unnest(new_positions, new_ids) AS u(place, id);

    SELECT coalesce(array_agg(r.place), '{}'), coalesce(array_agg(j.id), '{}') INTO old_positions, old_ids
      FROM ROWS FROM (json_to_recordset(jobs) AS (queue text, unique_key text)) WITH ORDINALITY AS r(queue, unique_key, place)
      JOIN ${s}.job j ON j.queue = r.queue AND j.unique_key = r.unique_key
     WHERE (open_positions IS NULL OR r.place = ANY (open_positions)) AND r.place <> ALL (new_positions);
    RETURN QUERY SELECT u.place, u.id, false FROM unnest(old_positions, old_ids) AS u(place, id);

    SELECT array_agg(p.place) INTO open_positions
      FROM (SELECT u.place FROM unnest(open_positions) AS u(place)
            UNION ALL
            SELECT g.place FROM generate_series(1, json_array_length(jobs)) AS g(place) WHERE open_positions IS NULL) p
     WHERE p.place <> ALL (new_positions) AND p.place <> ALL (old_positions);
    EXIT WHEN open_positions IS NULL;
  END LOOP;
  IF open_positions IS NOT NULL THEN
    RAISE EXCEPTION 'unique keys changed hands too often while enqueueing' USING ERRCODE = 'serialization_failure';
  END IF;
END
${quote};
`;
}
