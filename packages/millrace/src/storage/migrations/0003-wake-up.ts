import { quoteText, type Names } from '../names.ts';

/**
 * Who waits is known by locks, and who is woken is told where to look.
 * - A worker with free slots and nothing to do holds a shared advisory lock for each of its queues. `somebody_waits` asks
 *   for it in passing; nothing is written, nothing bloats, and the lock ends with the session that holds it.
 * - A notification names the lane (queue and priority) and the place in it from which there is something to find, because
 *   workers do not read their lanes from the beginning.
 * `tell('jobs …')`, which names a queue alone, goes on for workers of the releases before.
 */
export function wakeUp({ schema: s, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  const sequence = quoteText(`${s}.job_id_seq`);
  const job = quoteText(`${s}.job`);
  // What both branches of enqueue_jobs read of the JSON; the names stand once so that the branches cannot differ.
  const read = 'kind, queue, priority, max_attempts, payload, meta, policy, delay_ms, scheduled_at';
  const readTyped = `kind text, queue text, priority smallint, max_attempts smallint, payload jsonb, meta jsonb, policy jsonb,
               delay_ms double precision, scheduled_at timestamptz`;
  const dueAt = `coalesce(r.scheduled_at, moment + coalesce(r.delay_ms, 0) * interval '1 millisecond') AS due_at`;
  const told = (rows: string) => `told AS (
      SELECT count(${s}.wake(q.queue, q.priority, began, 0)) AS n
        FROM (SELECT DISTINCT i.queue, i.priority FROM ${rows} i WHERE i.due_at < moment + interval '30 seconds') q
       -- As somebody_waits does, which is called only if there may be somebody.
       WHERE CASE WHEN pg_try_advisory_lock(class, hashtext(q.queue)) THEN NOT pg_advisory_unlock(class, hashtext(q.queue))
                  ELSE ${s}.somebody_waits(q.queue) END
    )`;
  return `
CREATE FUNCTION ${s}.waiting_class() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE
AS ${quote}
  -- Advisory locks are shared by the whole database; this number is this schema's alone. Without settings of its own the
  -- function is inlined, so every name says where it is.
  SELECT (${job}::pg_catalog.regclass::pg_catalog.oid::bigint OPERATOR(pg_catalog.&) 2147483647)::int
${quote};

CREATE FUNCTION ${s}.somebody_waits(its_queue text) RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = '' AS ${quote}
DECLARE
  class int := ${s}.waiting_class();
  object int := pg_catalog.hashtext(its_queue);
BEGIN
  IF pg_catalog.pg_try_advisory_lock(class, object) THEN
    PERFORM pg_catalog.pg_advisory_unlock(class, object);
    RETURN false;
  END IF;
  -- A worker that waits, or somebody else who asks at the same moment and has the lock until then.
  RETURN EXISTS (
    SELECT FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted AND l.objsubid = 2
       AND l.classid = class::pg_catalog.oid AND l.objid = object::pg_catalog.oid
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()));
END
${quote};

CREATE FUNCTION ${s}.wake(its_queue text, its_priority smallint, since timestamptz, since_id bigint) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = '' AS ${quote}
  SELECT ${s}.tell('lane ' || its_priority || ' ' || (pg_catalog.date_part('epoch', since) * 1000000)::bigint || ' '
                   || since_id || ' ' || its_queue)
${quote};

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
      INSERT INTO ${s}.job (id, run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, meta, policy, payload)
      SELECT i.id, greatest(i.due_at, moment), i.due_at, moment, i.priority, i.max_attempts, i.queue, i.kind,
             i.meta, i.policy, i.payload
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
                            meta, policy, payload)
      SELECT i.id, greatest(i.due_at, moment), i.due_at, moment, i.priority, i.max_attempts, i.queue, i.kind,
             i.unique_key, i.meta, i.policy, i.payload
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

CREATE OR REPLACE FUNCTION ${s}.retry_job(wanted bigint) RETURNS TABLE (status text, state text)
LANGUAGE plpgsql VOLATILE SET search_path = '' AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz;
  was text;
  its_queue text;
  its_priority smallint;
  its_place timestamptz;
BEGIN
  FOR attempt IN 1 .. 20 LOOP
    moment := ${s}.now();
    WITH picked AS (
      SELECT j.id, j.queue, j.priority, j.run_at, j.attempt FROM ${s}.job j WHERE j.id = wanted AND j.state = 0
         FOR UPDATE SKIP LOCKED
    ), moved AS (
      UPDATE ${s}.job j SET run_at = moment, scheduled_at = moment FROM picked p WHERE j.id = p.id AND p.run_at > moment
    )
    SELECT CASE WHEN p.run_at <= moment THEN 'available' WHEN p.attempt > 0 THEN 'retryable' ELSE 'scheduled' END,
           p.queue, p.priority, least(p.run_at, moment)
      INTO was, its_queue, its_priority, its_place FROM picked p;
    IF was IS NULL THEN
      WITH picked AS (
        SELECT h.finished_at, h.state FROM ${s}.job_history h WHERE h.id = wanted FOR UPDATE SKIP LOCKED
      ), gone AS (
        DELETE FROM ${s}.job_history h USING picked p
         WHERE h.id = wanted AND h.finished_at = p.finished_at AND h.state = p.state
        RETURNING h.*
      ), forgotten AS (
        -- A request that came too late for the job's former life is not meant for the new one.
        DELETE FROM ${s}.cancel_request c USING gone g WHERE c.job_id = g.id
      ), back AS (
        INSERT INTO ${s}.job (id, run_at, scheduled_at, created_at, priority, max_attempts, attempt, queue, kind, gate_key,
               unique_key, payload_version, meta, policy, payload)
        SELECT g.id, moment, moment, g.created_at, g.priority,
               least(32767, greatest(g.max_attempts, g.attempt + 1)), least(g.attempt, 32766), g.queue, g.kind, g.gate_key,
               g.unique_key, g.payload_version, g.meta, g.policy, g.payload
          FROM gone g
      )
      SELECT CASE g.state WHEN 2 THEN 'completed' WHEN 3 THEN 'cancelled' ELSE 'discarded' END, g.queue, g.priority, moment
        INTO was, its_queue, its_priority, its_place FROM gone g;
    END IF;
    IF was IS NOT NULL THEN
      PERFORM ${s}.wake(its_queue, its_priority, its_place, 0);
      RETURN QUERY SELECT 'available'::text, was;
      RETURN;
    END IF;
    IF EXISTS (SELECT FROM ${s}.job j WHERE j.id = wanted AND j.state = 1) THEN
      RETURN QUERY SELECT 'running'::text, 'running'::text;
      RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM ${s}.job j WHERE j.id = wanted)
       AND NOT EXISTS (SELECT FROM ${s}.job_history h WHERE h.id = wanted) THEN
      RETURN QUERY SELECT 'missing'::text, NULL::text;
      RETURN;
    END IF;
    PERFORM pg_catalog.pg_sleep(0.01);
  END LOOP;
  RETURN QUERY SELECT 'busy'::text, NULL::text;
END
${quote};
`;
}
