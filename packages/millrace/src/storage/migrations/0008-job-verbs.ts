import type { Names } from '../names.ts';

/**
 * What operators do to jobs, by the hundred: one function for each verb, which answers for each job what became of it.
 * - Rows are locked with SKIP LOCKED and looked at again under the lock, so that nobody waits for a row, no claim waits for
 *   an operator, and what has begun to run meanwhile is left alone.
 * - What could not be done is looked up afterwards, by `left_jobs`, under a snapshot of its own.
 * - A row that stands in the way of a unique key, or of a request to cancel, may belong to an open transaction. Each of
 *   these is tried on its own, for 100 ms.
 */
export function jobVerbs({ schema: s, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  // The rows are looked up one by one: a plan for any number of ids may choose to read whole tables.
  const settings = `SET search_path = '' SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET jit = off`;
  const answers = `RETURNS TABLE (job_id bigint, status text, was text, state text)
LANGUAGE plpgsql VOLATILE ${settings}`;
  const waitingState = (row: string) =>
    `CASE WHEN ${row}.run_at <= moment THEN 'available' WHEN ${row}.attempt > 0 THEN 'retryable' ELSE 'scheduled' END`;
  const finishedState = (row: string) =>
    `CASE ${row}.state WHEN 2 THEN 'completed' WHEN 3 THEN 'cancelled' WHEN 4 THEN 'discarded' END`;
  const historyColumns = `scheduled_at, created_at, claimed_at, lease, priority, max_attempts, attempt, crashes, queue, kind,
           gate_key, unique_key, payload_version, meta, policy, payload`;
  const waiting = `waiting AS MATERIALIZED (
      SELECT own.* FROM unnest(wanted) AS w(id) CROSS JOIN LATERAL (
        SELECT j.id, j.queue, j.priority, j.run_at, j.attempt FROM ${s}.job j
         WHERE j.id = w.id AND j.state = 0 FOR UPDATE SKIP LOCKED) own
    )`;
  const finished = `finished AS MATERIALIZED (
      SELECT own.* FROM unnest(wanted) AS w(id) CROSS JOIN LATERAL (
        SELECT h.id, h.finished_at, h.state FROM ${s}.job_history h
         WHERE h.id = w.id FOR UPDATE SKIP LOCKED) own
    )`;
  /** Ends jobs that wait. */
  const ended = (state: 3 | 4) => `${waiting}, gone AS (
      DELETE FROM ${s}.job j USING waiting w WHERE j.id = w.id RETURNING j.*
    ), kept AS (
      INSERT INTO ${s}.job_history (id, finished_at, state, reason, ${historyColumns})
      SELECT g.id, moment, ${state}, why, ${historyColumns} FROM gone g
    ), answered AS (
      DELETE FROM ${s}.cancel_request c USING gone g WHERE c.job_id = g.id
    )`;
  const rest = (finishedAs: 'finished' | 'busy') => `RETURN QUERY SELECT l.* FROM ${s}.left_jobs(
    ARRAY(SELECT w.id FROM unnest(wanted) AS w(id) WHERE w.id <> ALL (done)), '${finishedAs}') l;`;
  return `
CREATE FUNCTION ${s}.left_jobs(wanted bigint[], finished_as text)
${answers} AS ${quote}
BEGIN
  RETURN QUERY
  SELECT w.id,
         CASE WHEN j.state = 1 THEN 'running' WHEN j.state = 0 THEN 'busy' WHEN h.state IS NOT NULL THEN finished_as
              ELSE 'missing' END,
         CASE WHEN j.state = 1 THEN 'running' ELSE ${finishedState('h')} END, NULL::text
    FROM unnest(wanted) AS w(id)
    LEFT JOIN LATERAL (SELECT a.state FROM ${s}.job a WHERE a.id = w.id) j ON true
    LEFT JOIN LATERAL (SELECT b.state FROM ${s}.job_history b WHERE b.id = w.id LIMIT 1) h ON true;
END
${quote};

CREATE FUNCTION ${s}.discard_jobs(wanted bigint[], why text)
${answers} AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  done bigint[];
  before text[];
BEGIN
  WITH ${ended(4)}
  SELECT coalesce(array_agg(w.id), '{}'), coalesce(array_agg(${waitingState('w')}), '{}') INTO done, before FROM waiting w;
  RETURN QUERY SELECT d.id, 'done', d.was, 'discarded' FROM unnest(done, before) AS d(id, was);
  ${rest('finished')}
END
${quote};

CREATE FUNCTION ${s}.cancel_jobs(wanted bigint[], why text)
${answers} SET lock_timeout = '100ms' AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  done bigint[];
  before text[];
  running bigint[];
  asked bigint[] := '{}';
  held bigint[] := '{}';
  one bigint;
BEGIN
  WITH ${ended(3)}
  SELECT coalesce(array_agg(w.id), '{}'), coalesce(array_agg(${waitingState('w')}), '{}') INTO done, before FROM waiting w;
  RETURN QUERY SELECT d.id, 'done', d.was, 'cancelled' FROM unnest(done, before) AS d(id, was);

  running := ARRAY(SELECT w.id FROM unnest(wanted) AS w(id)
                    WHERE (SELECT true FROM ${s}.job j WHERE j.id = w.id AND j.state = 1));
  FOREACH one IN ARRAY running LOOP
    BEGIN
      INSERT INTO ${s}.cancel_request (job_id, requested_at, reason) VALUES (one, moment, why) ON CONFLICT DO NOTHING;
      asked := asked || one;
    EXCEPTION WHEN lock_not_available THEN
      held := held || one;
    END;
  END LOOP;
  -- It may have ended before the request was there; nobody would look at that any more.
  running := ARRAY(SELECT w.id FROM unnest(asked) AS w(id)
                    WHERE (SELECT true FROM ${s}.job j WHERE j.id = w.id AND j.state = 1));
  DELETE FROM ${s}.cancel_request c WHERE c.job_id = ANY (asked) AND c.job_id <> ALL (running)
     AND NOT EXISTS (SELECT FROM ${s}.job j WHERE j.id = c.job_id);
  PERFORM ${s}.tell('cancel ' || w.id) FROM unnest(running) AS w(id);
  RETURN QUERY SELECT w.id, 'requested', 'running', 'running' FROM unnest(running) AS w(id);
  RETURN QUERY SELECT w.id, 'busy', 'running', NULL::text FROM unnest(held) AS w(id);
  done := done || running || held;
  ${rest('finished')}
END
${quote};

CREATE FUNCTION ${s}.retry_jobs(wanted bigint[])
${answers} SET lock_timeout = '100ms' AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  done bigint[];
  before text[];
  one record;
  told boolean;
BEGIN
  WITH ${waiting}, moved AS (
    UPDATE ${s}.job j SET run_at = moment, scheduled_at = moment FROM waiting w WHERE j.id = w.id AND w.run_at > moment
  ), told AS (
    SELECT count(${s}.wake(l.queue, l.priority, l.place, 0)) AS n
      FROM (SELECT w.queue, w.priority, min(least(w.run_at, moment)) AS place FROM waiting w GROUP BY w.queue, w.priority) l
  )
  SELECT coalesce(array_agg(w.id), '{}'), coalesce(array_agg(${waitingState('w')}), '{}') INTO done, before
    FROM waiting w, told WHERE told.n >= 0;
  RETURN QUERY SELECT d.id, 'done', d.was, 'available' FROM unnest(done, before) AS d(id, was);

  FOR one IN
    SELECT w.id FROM unnest(wanted) AS w(id)
     WHERE w.id <> ALL (done) AND EXISTS (SELECT FROM ${s}.job_history h WHERE h.id = w.id)
  LOOP
    BEGIN
      WITH picked AS (
        SELECT h.finished_at, h.state FROM ${s}.job_history h WHERE h.id = one.id FOR UPDATE SKIP LOCKED
      ), gone AS (
        DELETE FROM ${s}.job_history h USING picked p
         WHERE h.id = one.id AND h.finished_at = p.finished_at AND h.state = p.state
        RETURNING h.*
      ), forgotten AS (
        DELETE FROM ${s}.cancel_request c USING gone g WHERE c.job_id = g.id
      ), back AS (
        INSERT INTO ${s}.job (id, run_at, scheduled_at, created_at, priority, max_attempts, attempt, queue, kind, gate_key,
               unique_key, payload_version, meta, policy, payload)
        SELECT g.id, moment, moment, g.created_at, g.priority,
               least(32767, greatest(g.max_attempts, g.attempt + 1)), least(g.attempt, 32766), g.queue, g.kind, g.gate_key,
               g.unique_key, g.payload_version, g.meta, g.policy, g.payload
          FROM gone g
      )
      SELECT g.id, ${finishedState('g')}, ${s}.wake(g.queue, g.priority, moment, 0)
        INTO job_id, was, told FROM gone g;
      -- Somebody holds the row.
      CONTINUE WHEN NOT FOUND;
      status := 'done';
      state := 'available';
    EXCEPTION
      WHEN unique_violation THEN
        job_id := one.id;
        status := 'conflict';
        was := NULL;
        state := NULL;
      WHEN lock_not_available THEN
        CONTINUE;
    END;
    done := done || one.id;
    RETURN NEXT;
  END LOOP;
  ${rest('busy')}
END
${quote};

CREATE FUNCTION ${s}.reschedule_jobs(wanted bigint[], due_at timestamptz, delay_ms double precision)
${answers} AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  due timestamptz := coalesce(due_at, moment + delay_ms * interval '1 millisecond');
  place timestamptz := greatest(due, moment);
  done bigint[];
  before text[];
  after text[];
BEGIN
  WITH ${waiting}, moved AS (
    UPDATE ${s}.job j SET scheduled_at = due, run_at = place FROM waiting w WHERE j.id = w.id
  ), told AS (
    SELECT count(${s}.wake(l.queue, l.priority, place, 0)) AS n
      FROM (SELECT DISTINCT w.queue, w.priority FROM waiting w) l WHERE place < moment + interval '30 seconds'
  )
  SELECT coalesce(array_agg(w.id), '{}'), coalesce(array_agg(${waitingState('w')}), '{}'),
         coalesce(array_agg(CASE WHEN place <= moment THEN 'available' WHEN w.attempt > 0 THEN 'retryable'
                                 ELSE 'scheduled' END), '{}')
    INTO done, before, after FROM waiting w, told WHERE told.n >= 0;
  RETURN QUERY SELECT d.id, 'done', d.was, d.state FROM unnest(done, before, after) AS d(id, was, state);
  ${rest('finished')}
END
${quote};

CREATE FUNCTION ${s}.edit_jobs(wanted bigint[], new_payload jsonb, new_version int, new_priority smallint, new_queue text)
${answers} SET lock_timeout = '100ms' AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  done bigint[] := '{}';
  one record;
BEGIN
  FOR one IN
    WITH ${waiting}
    SELECT w.*, coalesce(new_queue, w.queue) AS to_queue, coalesce(new_priority, w.priority) AS to_priority FROM waiting w
  LOOP
    job_id := one.id;
    was := ${waitingState('one')};
    state := was;
    status := 'done';
    BEGIN
      UPDATE ${s}.job j
         SET payload = coalesce(new_payload, j.payload), payload_version = coalesce(new_version, j.payload_version),
             priority = one.to_priority, queue = one.to_queue
       WHERE j.id = one.id;
    EXCEPTION
      WHEN unique_violation THEN
        status := 'conflict';
      WHEN lock_not_available THEN
        status := 'busy';
    END;
    -- It keeps its due time, so in another lane it may lie behind what the workers there have read.
    IF status = 'done' AND one.run_at < moment + interval '30 seconds'
       AND (one.to_queue, one.to_priority) <> (one.queue, one.priority) THEN
      PERFORM ${s}.wake(one.to_queue, one.to_priority, one.run_at, 0);
    END IF;
    done := done || one.id;
    RETURN NEXT;
  END LOOP;
  ${rest('finished')}
END
${quote};

CREATE FUNCTION ${s}.delete_jobs(wanted bigint[])
${answers} AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  done bigint[];
  before text[];
BEGIN
  WITH ${waiting}, gone AS (
    DELETE FROM ${s}.job j USING waiting w WHERE j.id = w.id
  ), ${finished}, past AS (
    DELETE FROM ${s}.job_history h USING finished f
     WHERE h.id = f.id AND h.finished_at = f.finished_at AND h.state = f.state
  ), removed AS MATERIALIZED (
    SELECT w.id, ${waitingState('w')} AS was FROM waiting w
    UNION ALL
    SELECT f.id, ${finishedState('f')} FROM finished f
  ), attempts AS (
    DELETE FROM ${s}.job_attempt a USING removed b WHERE a.job_id = b.id
  ), answered AS (
    DELETE FROM ${s}.cancel_request c USING removed b WHERE c.job_id = b.id
  )
  SELECT coalesce(array_agg(b.id), '{}'), coalesce(array_agg(b.was), '{}') INTO done, before FROM removed b;
  RETURN QUERY SELECT d.id, 'done', d.was, NULL::text FROM unnest(done, before) AS d(id, was);
  ${rest('busy')}
END
${quote};
`;
}
