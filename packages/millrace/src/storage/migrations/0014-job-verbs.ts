import type { Names } from '../names.ts';

/**
 * What operators do to jobs, by the hundred: one function for each verb, which answers for each job what became of it.
 * - Rows are locked with SKIP LOCKED and looked at again under the lock, so that nobody waits for a row, no claim waits for
 *   an operator, and what has begun to run meanwhile is left alone.
 * - What could not be done is looked up afterwards, by `left_jobs`, under a snapshot of its own.
 * - A row that stands in the way of a unique key, or of a request to cancel, may belong to an open transaction. It is waited
 *   for 100 ms; then the half of the jobs without it is done, and it alone is answered as in conflict or busy.
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
  const left = `${s}.left_jobs(ARRAY(SELECT w.id FROM unnest(wanted) AS w(id) WHERE w.id <> ALL (done))) l`;
  /** @param passing a state that nobody refuses: a job found in it is just on its way through */
  const rest = (passing?: 'finished' | 'running') =>
    passing === undefined
      ? `RETURN QUERY SELECT l.* FROM ${left};`
      : `RETURN QUERY
  SELECT l.job_id, CASE l.status WHEN '${passing}' THEN 'busy' ELSE l.status END, l.was, l.state FROM ${left};`;
  const stillRunning = (ids: string) =>
    `ARRAY(SELECT w.id FROM unnest(${ids}) AS w(id)
                    WHERE (SELECT true FROM ${s}.job j WHERE j.id = w.id AND j.state = 1))`;
  /** Ends a block in which one job may stand in the way of the others: it is undone, and each half is tried alone. */
  const inHalves = (call: (half: string) => string) => {
    const half = (ids: string) => `RETURN QUERY SELECT a.* FROM ${s}.${call(ids)} a;`;
    return `EXCEPTION WHEN unique_violation OR lock_not_available THEN
    IF cardinality(wanted) > 1 THEN
      ${half('wanted[:cardinality(wanted) / 2]')}
      ${half('wanted[cardinality(wanted) / 2 + 1:]')}
    ELSE
      RETURN QUERY SELECT wanted[1], CASE SQLSTATE WHEN '23505' THEN 'conflict' ELSE 'busy' END, NULL::text, NULL::text;
    END IF;
    RETURN;
  END;`;
  };
  return `
CREATE FUNCTION ${s}.left_jobs(wanted bigint[])
${answers} AS ${quote}
BEGIN
  RETURN QUERY
  SELECT w.id,
         CASE WHEN j.state = 1 THEN 'running' WHEN j.state = 0 THEN 'busy' WHEN h.state IS NOT NULL THEN 'finished'
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
  ${rest()}
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
BEGIN
  BEGIN
    WITH ${ended(3)}
    SELECT coalesce(array_agg(w.id), '{}'), coalesce(array_agg(${waitingState('w')}), '{}') INTO done, before FROM waiting w;
    INSERT INTO ${s}.cancel_request (job_id, requested_at, reason)
    SELECT w.id, moment, why FROM unnest(${stillRunning('wanted')}) AS w(id) ON CONFLICT DO NOTHING;
  ${inHalves((half) => `cancel_jobs(${half}, why)`)}
  -- It may have ended before the request was there; nobody would look at that any more.
  running := ${stillRunning('wanted')};
  DELETE FROM ${s}.cancel_request c WHERE c.job_id = ANY (wanted) AND c.job_id <> ALL (running);
  PERFORM ${s}.tell('cancel ' || w.id) FROM unnest(running) AS w(id);
  RETURN QUERY SELECT d.id, 'done', d.was, 'cancelled' FROM unnest(done, before) AS d(id, was);
  RETURN QUERY SELECT w.id, 'requested', 'running', 'running' FROM unnest(running) AS w(id);
  done := done || running;
  ${rest('running')}
END
${quote};

CREATE FUNCTION ${s}.retry_jobs(wanted bigint[])
${answers} SET lock_timeout = '100ms' AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  done bigint[];
  before text[];
BEGIN
  BEGIN
    WITH ${waiting}, moved AS (
      UPDATE ${s}.job j SET run_at = moment, scheduled_at = moment FROM waiting w WHERE j.id = w.id AND w.run_at > moment
    ), ${finished}, past AS (
      DELETE FROM ${s}.job_history h USING finished f
       WHERE h.id = f.id AND h.finished_at = f.finished_at AND h.state = f.state
      RETURNING h.*
    ), forgotten AS (
      -- A request that came too late for the job's former life is not meant for the new one.
      DELETE FROM ${s}.cancel_request c USING past p WHERE c.job_id = p.id
    ), back AS (
      INSERT INTO ${s}.job (id, run_at, scheduled_at, created_at, priority, max_attempts, attempt, queue, kind, gate_key,
             unique_key, payload_version, meta, policy, payload)
      SELECT p.id, moment, moment, p.created_at, p.priority,
             least(32767, greatest(p.max_attempts, p.attempt + 1)), least(p.attempt, 32766), p.queue, p.kind, p.gate_key,
             p.unique_key, p.payload_version, p.meta, p.policy, p.payload
        FROM past p
    ), due AS MATERIALIZED (
      SELECT w.id, ${waitingState('w')} AS was, w.queue, w.priority, least(w.run_at, moment) AS place FROM waiting w
      UNION ALL
      SELECT p.id, ${finishedState('p')}, p.queue, p.priority, moment FROM past p
    ), told AS (
      SELECT count(${s}.wake(l.queue, l.priority, l.place, 0)) AS n
        FROM (SELECT d.queue, d.priority, min(d.place) AS place FROM due d GROUP BY d.queue, d.priority) l
    )
    SELECT coalesce(array_agg(d.id), '{}'), coalesce(array_agg(d.was), '{}') INTO done, before
      FROM due d, told WHERE told.n >= 0;
  ${inHalves((half) => `retry_jobs(${half})`)}
  RETURN QUERY SELECT d.id, 'done', d.was, 'available' FROM unnest(done, before) AS d(id, was);
  ${rest('finished')}
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
  ${rest()}
END
${quote};

CREATE FUNCTION ${s}.edit_jobs(wanted bigint[], new_payload jsonb, new_version int, new_priority smallint, new_queue text)
${answers} SET lock_timeout = '100ms' AS ${quote}
#variable_conflict use_column
DECLARE
  moment timestamptz := ${s}.now();
  done bigint[];
  before text[];
BEGIN
  BEGIN
    WITH ${waiting}, moved AS (
      UPDATE ${s}.job j
         SET payload = coalesce(new_payload, j.payload), payload_version = coalesce(new_version, j.payload_version),
             priority = coalesce(new_priority, j.priority), queue = coalesce(new_queue, j.queue)
        FROM waiting w WHERE j.id = w.id
    ), lane AS (
      SELECT coalesce(new_queue, w.queue) AS queue, coalesce(new_priority, w.priority) AS priority, min(w.run_at) AS place
        FROM waiting w
       WHERE w.run_at < moment + interval '30 seconds'
         AND (coalesce(new_queue, w.queue) <> w.queue OR coalesce(new_priority, w.priority) <> w.priority)
       GROUP BY 1, 2
    ), told AS (
      -- They keep their due times, so in another lane they may lie behind what the workers there have read.
      SELECT count(${s}.wake(l.queue, l.priority, l.place, 0)) AS n FROM lane l
    )
    SELECT coalesce(array_agg(w.id), '{}'), coalesce(array_agg(${waitingState('w')}), '{}') INTO done, before
      FROM waiting w, told WHERE told.n >= 0;
  ${inHalves((half) => `edit_jobs(${half}, new_payload, new_version, new_priority, new_queue)`)}
  RETURN QUERY SELECT d.id, 'done', d.was, d.was FROM unnest(done, before) AS d(id, was);
  ${rest()}
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
  ), answered AS (
    DELETE FROM ${s}.cancel_request c USING removed b WHERE c.job_id = b.id
  ), said AS (
    DELETE FROM ${s}.job_progress p
     WHERE p.job_id = ANY (ARRAY(SELECT q.job_id FROM ${s}.job_progress q JOIN removed b ON b.id = q.job_id
                                    FOR UPDATE OF q SKIP LOCKED))
  )
  SELECT coalesce(array_agg(b.id), '{}'), coalesce(array_agg(b.was), '{}') INTO done, before FROM removed b;
  BEGIN
    DELETE FROM ${s}.job_attempt a WHERE a.job_id = ANY (done);
  EXCEPTION WHEN object_not_in_prerequisite_state THEN
    -- A publication of all tables wants to name each deleted row, and these have no key. They go by retention.
    NULL;
  END;
  RETURN QUERY SELECT d.id, 'done', d.was, NULL::text FROM unnest(done, before) AS d(id, was);
  ${rest('finished')}
END
${quote};
`;
}
