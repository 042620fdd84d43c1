import { statement } from './statement.ts';

/**
 * $1 no. Takes the lock that says that this session lives. Before the row is written: the other way round a new worker
 * would look dead at birth.
 */
export const takeLock = statement(
  'take_lock',
  (s) => `SELECT pg_catalog.pg_try_advisory_lock(${s}.liveness_class(), $1::int) AS taken`,
);

/** $1 no. */
export const freeLock = statement(
  'free_lock',
  (s) => `SELECT pg_catalog.pg_advisory_unlock(${s}.liveness_class(), $1::int) AS freed`,
);

/**
 * $1 no, $2 boot, $3 role, $4 host, $5 pid, $6 version, $7 kinds, $8 queues, $9 schedules, $10 mode. No row: the number is
 * taken.
 */
export const register = statement(
  'register',
  (s) => `
INSERT INTO ${s}.worker (no, boot, role, host, pid, version, kinds, queues, schedules, mode, started_at, seen_at)
SELECT $1::int, $2::uuid, $3::text, $4::text, $5::int, $6::text, $7::text[], $8::text[], $9::text[], $10::text, t.at, t.at
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

/** $1 no, as a text, for any connection. */
export const stamp = statement(
  'stamp',
  (s) => `UPDATE ${s}.worker SET beat = beat + 1 WHERE no = $1::text::int RETURNING no`,
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

/**
 * Everybody who is registered, in the order in which they started, and whether their lock is held. `pg_locks` is read in
 * one go; it may be read by any role.
 */
export const sightings = statement(
  'sightings',
  (s) => `
SELECT w.no, w.boot, w.role, w.mode, w.host, w.pid, w.beat::text AS beat,
       w.no IN (SELECT l.objid::bigint FROM pg_catalog.pg_locks l
                 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
                   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                      WHERE d.datname = pg_catalog.current_database())
                   AND l.classid::bigint = ${s}.liveness_class()) AS locked
  FROM ${s}.worker w ORDER BY w.started_at, w.no`,
);

/**
 * $1 no[], $2 beat[], $3 crashed[]. Those whose beat has not moved since it was read. One that is said to have crashed must
 * not hold its lock either: the statement takes it for a moment, and whoever lives keeps it from doing so.
 */
export const declareDead = statement(
  'declare_dead',
  (s) => `
WITH gone AS (
  DELETE FROM ${s}.worker w USING unnest($1::int[], $2::bigint[], $3::boolean[]) AS f(no, beat, crashed)
   WHERE w.no = f.no AND w.beat = f.beat
     AND (NOT f.crashed OR pg_catalog.pg_try_advisory_xact_lock(${s}.liveness_class(), f.no))
  RETURNING w.no, w.host, w.pid, f.crashed
)
INSERT INTO ${s}.worker_dead (no, died_at, reason, host, pid)
SELECT g.no, ${s}.now(), CASE WHEN g.crashed THEN 'crashed' ELSE 'silent' END, g.host, g.pid FROM gone g
ON CONFLICT DO NOTHING
RETURNING no`,
);

/**
 * Gives back every running job whose incarnation is not registered (any more): it keeps its place in the queue and the
 * attempt does not count. The crash counts only where somebody saw the session end. A property of rows, not an event: it may run at any time, by anybody, and also
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
  SELECT j.id, d.host || ':' || d.pid AS worker, coalesce(d.reason = 'crashed', false) AS crashed, c.job_id IS NOT NULL AS cancelled, c.reason
    FROM orphan o JOIN ${s}.job j ON j.id = o.id AND j.lease = o.lease
    LEFT JOIN ${s}.worker_dead d ON d.no = (j.lease >> 32)::int
    LEFT JOIN ${s}.cancel_request c ON c.job_id = j.id
   WHERE j.state = 1 ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
), recorded AS (
  INSERT INTO ${s}.job_attempt (job_id, ended_at, started_at, lease, attempt, ending, worker)
  SELECT j.id, clock.at, j.claimed_at, j.lease, j.attempt, 'crashed', m.worker
    FROM mine m JOIN ${s}.job j ON j.id = m.id CROSS JOIN clock
), back AS (
  UPDATE ${s}.job j SET state = 0, lease = 0, attempt = j.attempt - 1, crashes = least(32767, j.crashes + CASE WHEN m.crashed THEN 1 ELSE 0 END)
    FROM mine m WHERE j.id = m.id AND NOT m.cancelled
  RETURNING j.id, j.kind, j.queue, j.attempt
), gone AS (
  DELETE FROM ${s}.job j USING mine m WHERE j.id = m.id AND m.cancelled RETURNING j.*, m.reason, m.worker
), archived AS (
  INSERT INTO ${s}.job_history (id, finished_at, scheduled_at, created_at, claimed_at, lease, priority, max_attempts,
         attempt, crashes, state, queue, kind, gate_key, unique_key, payload_version, worker, reason, meta, policy, payload)
  SELECT g.id, clock.at, g.scheduled_at, g.created_at, g.claimed_at, 0, g.priority, g.max_attempts, g.attempt - 1,
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
  SELECT g.id::text, g.kind, g.queue, g.attempt - 1, 'cancelled' FROM gone g
  UNION ALL
  SELECT o.id::text, '', '', 0, 'held' FROM orphan o WHERE NOT EXISTS (SELECT FROM mine m WHERE m.id = o.id)
) r WHERE told.n >= 0`,
);

/** $1 no, $2 boot. A row when this very process holds the number. */
export const isRegistered = statement(
  'is_registered',
  (s) => `SELECT no FROM ${s}.worker WHERE no = $1::int AND boot = $2::uuid`,
);
