import { statement } from './statement.ts';

/** $1 no, $2 boot, $3 role, $4 host, $5 pid, $6 version, $7 kinds, $8 queues, $9 schedules. No row: the number is taken. */
export const register = statement(
  'register',
  (s) => `
INSERT INTO ${s}.worker (no, boot, role, host, pid, version, kinds, queues, schedules, started_at, seen_at)
SELECT $1::int, $2::uuid, $3::text, $4::text, $5::int, $6::text, $7::text[], $8::text[], $9::text[], t.at, t.at
  FROM (SELECT ${s}.now() AS at) t
 WHERE NOT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $1::int)
ON CONFLICT DO NOTHING
RETURNING no`,
);

/** $1 no. No row: declared dead. */
export const beat = statement(
  'beat',
  (s) =>
    `UPDATE ${s}.worker SET beat = beat + 1, seen_at = ${s}.now() WHERE no = $1::int RETURNING no`,
);

/** $1 no. A clean end: nothing of it is under way any more, so nobody needs to remember it. */
export const unregister = statement(
  'unregister',
  (s) => `DELETE FROM ${s}.worker WHERE no = $1::int RETURNING no`,
);

/** $1 no, $2 reason. From now on every claim under this incarnation takes nothing, also one that is still under way. */
export const retire = statement(
  'retire',
  (s) => `
WITH gone AS (DELETE FROM ${s}.worker w WHERE w.no = $1::int RETURNING w.host, w.pid)
INSERT INTO ${s}.worker_dead (no, died_at, reason, host, pid)
SELECT $1::int, ${s}.now(), $2::text, g.host, g.pid FROM (SELECT) always LEFT JOIN gone g ON true
ON CONFLICT DO NOTHING
RETURNING no`,
);

export const beats = statement(
  'beats',
  (s) =>
    `SELECT w.no, w.role, w.host, w.pid, w.beat::text AS beat FROM ${s}.worker w ORDER BY w.no`,
);

/** $1 no[], $2 beat[]. Those whose beat has not moved since it was read. */
export const declareDead = statement(
  'declare_dead',
  (s) => `
WITH gone AS (
  DELETE FROM ${s}.worker w USING unnest($1::int[], $2::bigint[]) AS f(no, beat)
   WHERE w.no = f.no AND w.beat = f.beat
  RETURNING w.no, w.host, w.pid
)
INSERT INTO ${s}.worker_dead (no, died_at, reason, host, pid)
SELECT g.no, ${s}.now(), 'heartbeat', g.host, g.pid FROM gone g
ON CONFLICT DO NOTHING
RETURNING no`,
);

/**
 * Gives back every running job whose incarnation is not registered (any more): it keeps its place in the queue, the
 * attempt does not count, the crash does. A property of rows, not an event: it may run at any time, by anybody, and also
 * finds what a dead worker's last claim committed late. A job that somebody asked to cancel ends as cancelled. Its history
 * names no lease, for it was not settled under one.
 * Answers with one row per job; `held` rows belong to an open transaction of somebody and are left for the next call.
 */
export const rescue = statement(
  'rescue',
  (s) => `
WITH clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), orphan AS MATERIALIZED (
  SELECT j.id, j.lease FROM ${s}.job j
   WHERE j.state = 1 AND NOT EXISTS (SELECT FROM ${s}.worker w WHERE w.no = (j.lease >> 32)::int)
), mine AS MATERIALIZED (
  SELECT j.id, d.host || ':' || d.pid AS worker, c.job_id IS NOT NULL AS cancelled, c.reason
    FROM orphan o JOIN ${s}.job j ON j.id = o.id AND j.lease = o.lease
    LEFT JOIN ${s}.worker_dead d ON d.no = (j.lease >> 32)::int
    LEFT JOIN ${s}.cancel_request c ON c.job_id = j.id
   WHERE j.state = 1 ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
), recorded AS (
  INSERT INTO ${s}.job_attempt (job_id, ended_at, started_at, lease, attempt, ending, worker)
  SELECT j.id, clock.at, j.claimed_at, j.lease, j.attempt, 'crashed', m.worker
    FROM mine m JOIN ${s}.job j ON j.id = m.id CROSS JOIN clock
), back AS (
  UPDATE ${s}.job j SET state = 0, lease = 0, attempt = j.attempt - 1, crashes = least(32767, j.crashes + 1)
    FROM mine m WHERE j.id = m.id AND NOT m.cancelled
  RETURNING j.id, j.kind, j.queue, j.attempt
), gone AS (
  DELETE FROM ${s}.job j USING mine m WHERE j.id = m.id AND m.cancelled RETURNING j.*, m.reason, m.worker
), archived AS (
  INSERT INTO ${s}.job_history (id, finished_at, scheduled_at, created_at, claimed_at, lease, priority, max_attempts,
         attempt, crashes, state, queue, kind, gate_key, unique_key, payload_version, worker, reason, meta, policy, payload)
  SELECT g.id, clock.at, g.scheduled_at, g.created_at, g.claimed_at, 0, g.priority, g.max_attempts, g.attempt,
         g.crashes, 3, g.queue, g.kind, g.gate_key, g.unique_key, g.payload_version, g.worker, g.reason, g.meta, g.policy,
         g.payload
    FROM gone g CROSS JOIN clock
), answered AS (
  DELETE FROM ${s}.cancel_request c USING gone g WHERE c.job_id = g.id
), told AS (
  SELECT count(${s}.tell('jobs ' || q.queue)) AS n FROM (SELECT DISTINCT b.queue FROM back b) q
)
SELECT r.* FROM told, (
  SELECT b.id::text AS id, b.kind, b.queue, b.attempt, 'available' AS state FROM back b
  UNION ALL
  SELECT g.id::text, g.kind, g.queue, g.attempt, 'cancelled' FROM gone g
  UNION ALL
  SELECT o.id::text, '', '', 0, 'held' FROM orphan o WHERE NOT EXISTS (SELECT FROM mine m WHERE m.id = o.id)
) r WHERE told.n >= 0`,
);

/** $1 no, $2 boot. A row when this very process holds the number. */
export const isRegistered = statement(
  'is_registered',
  (s) => `SELECT no FROM ${s}.worker WHERE no = $1::int AND boot = $2::uuid`,
);
