import { lanes } from './lanes.ts';
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
 * $1 no, $2 boot, $3 role, $4 host, $5 pid, $6 version, $7 kinds, $8 queues, $9 schedules, $10 mode, $11
 * concurrency, $12 versions. No row: the number is taken.
 */
export const register = statement(
  'register',
  (s) => `
INSERT INTO ${s}.worker (no, boot, role, host, pid, version, kinds, queues, schedules, mode, concurrency, versions, started_at,
       seen_at)
SELECT $1::int, $2::uuid, $3::text, $4::text, $5::int, $6::text, $7::text[], $8::text[], $9::text[], $10::text, $11::int,
       $12::int[], t.at, t.at
  FROM (SELECT ${s}.now() AS at) t
 WHERE NOT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $1::int)
ON CONFLICT DO NOTHING
RETURNING no`,
);

/** Whether a worker that handles the kind takes payloads of the version, too. */
export const knows = (worker: string, kind: string, version: string) =>
  `(${worker}.versions IS NULL OR ${version} <= ${worker}.versions[array_position(${worker}.kinds, ${kind})])`;

/** The locks of live sessions, in one go; `pg_locks` may be read by any role. */
const heldLocks = (s: string) => `
       SELECT l.objid::bigint FROM pg_catalog.pg_locks l
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
          AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
          AND l.classid::bigint = ${s}.liveness_class()`;

/**
 * $1 no, $2 the job that runs alone there, or null, $3 how many run there, or null. No row: declared dead. It comes from the event loop, which therefore
 * moves. `held`: this very session holds its lock, or it has none to hold.
 */
export const beat = statement(
  'beat',
  (s) => `
UPDATE ${s}.worker w
   SET beat = w.beat + 1, seen_at = ${s}.now(), alone = $2::bigint, running = coalesce($3::int, w.running),
       blocked_since = NULL, blocked_by = NULL
 WHERE w.no = $1::int
RETURNING w.mode = 'heartbeat' OR w.no IN (${heldLocks(s)} AND l.pid = pg_catalog.pg_backend_pid()) AS held`,
);

/**
 * $1 boot, $2 for how many ms the event loop of this process has stood still, $3 the jobs[] that run on it. A sign of life
 * for all its identities. A block ends with the next beat, so one that follows before counts as the same.
 */
export const beatBlocked = statement(
  'beat_blocked',
  (s) => `
UPDATE ${s}.worker
   SET beat = beat + 1, seen_at = ${s}.now(), blocked_by = $3::bigint[],
       blocked_since = coalesce(blocked_since, ${s}.now() - $2::double precision * interval '1 millisecond')
 WHERE boot = $1::uuid`,
);

/** $1 no, as a text, for any connection. */
export const stamp = statement(
  'stamp',
  (s) => `UPDATE ${s}.worker SET beat = beat + 1 WHERE no = $1::text::int RETURNING no`,
);

/** $1 no, $2 kinds. What the worker serves and leaves out at present. */
export const holdKinds = statement(
  'hold_kinds',
  (s) => `UPDATE ${s}.worker SET held_kinds = $2::text[] WHERE no = $1::int RETURNING no`,
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
 * Everybody who is registered, in the order in which they started, whether their lock is held, and whether their event
 * loop stands still. A blocked process names what it ran last;
 * what it still runs is asked of the jobs.
 */
export const sightings = statement(
  'sightings',
  (s) => `
SELECT w.no, w.boot, w.role, w.mode, w.host, w.pid, w.beat::text AS beat,
       w.no IN (${heldLocks(s)}) AS locked,
       CASE WHEN w.blocked_since IS NOT NULL THEN pg_catalog.jsonb_build_object('since', w.blocked_since, 'jobs', (
         SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                  'id', j.id::text, 'kind', j.kind, 'queue', j.queue, 'attempt', j.attempt) ORDER BY j.id), '[]')
           FROM ${s}.job j JOIN ${s}.worker o ON o.no = (j.lease >> 32)::int AND o.boot = w.boot
          WHERE j.id = ANY (w.blocked_by) AND j.state = 1)) END AS blocked
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
  RETURNING w.no, w.host, w.pid, w.alone, w.boot, f.crashed
)
INSERT INTO ${s}.worker_dead (no, died_at, reason, host, pid, alone, boot)
SELECT g.no, ${s}.now(), CASE WHEN g.crashed THEN 'crashed' ELSE 'silent' END, g.host, g.pid, g.alone, g.boot FROM gone g
ON CONFLICT DO NOTHING
RETURNING no`,
);

/**
 * $1 the crashes that make a suspect, $2 why a quarantined job was discarded, $3 its error (JSON text), $4 incarnations[]
 * whose process has surely ended, $5 those[] whose process lives. Gives back every running job whose incarnation is not registered (any more): it keeps its place in the queue and the attempt
 * does not count. A property of rows, not an event: it may run at any time, by anybody, and also finds what a dead
 * worker's last claim committed late.
 *
 * The crash counts only where somebody saw the session end, and for a suspect only if the worker had said that this
 * very job ran alone: then the job ends as discarded. That is final, so it waits until the process is known to have
 * ended; a cut of the network ends sessions, too. One that somebody asked to cancel ends as cancelled. Their
 * history names no lease, for they were not settled under one, and is always kept.
 *
 * Answers with one row per job; `held` rows belong to an open transaction of somebody, `doubted` ones wait as said
 * above; both are left for the next call.
 */
export const rescue = statement(
  'rescue',
  (s) => `
WITH clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), orphan AS MATERIALIZED (
  SELECT j.id, j.lease FROM ${s}.job j
   WHERE j.state = 1 AND NOT EXISTS (SELECT FROM ${s}.worker w WHERE w.no = (j.lease >> 32)::int)
), doubted AS MATERIALIZED (
  SELECT j.id, d.no, d.boot
    FROM orphan o JOIN ${s}.job j ON j.id = o.id JOIN ${s}.worker_dead d ON d.no = (o.lease >> 32)::int
   WHERE d.reason = 'crashed' AND d.alone = j.id AND j.crashes >= $1::int AND d.no <> ALL ($4::int[] || $5::int[])
     AND NOT EXISTS (SELECT FROM ${s}.cancel_request c WHERE c.job_id = j.id)
), mine AS MATERIALIZED (
  SELECT j.id, d.host || ':' || d.pid AS worker, c.job_id IS NOT NULL AS cancelled, c.reason, j.crashes >= $1::int AS suspect,
         coalesce(d.reason = 'crashed' AND d.no <> ALL ($5::int[]) AND (j.crashes < $1::int OR d.alone = j.id), false) AS crashed
    FROM orphan o JOIN ${s}.job j ON j.id = o.id AND j.lease = o.lease
    LEFT JOIN ${s}.worker_dead d ON d.no = (j.lease >> 32)::int
    LEFT JOIN ${s}.cancel_request c ON c.job_id = j.id
   WHERE NOT EXISTS (SELECT FROM doubted b WHERE b.id = j.id) AND j.state = 1 ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
), judged AS MATERIALIZED (
  SELECT m.id, m.worker, m.crashed::int AS crashes, m.suspect AND m.crashed AND NOT m.cancelled AS quarantined,
         m.cancelled OR m.suspect AND m.crashed AS ends, CASE WHEN m.cancelled THEN m.reason ELSE $2::text END AS reason
    FROM mine m
), recorded AS (
  INSERT INTO ${s}.job_attempt (job_id, ended_at, started_at, lease, attempt, ending, worker, error)
  SELECT j.id, clock.at, j.claimed_at, j.lease, j.attempt, 'crashed', m.worker, CASE WHEN m.quarantined THEN $3::jsonb END
    FROM judged m JOIN ${s}.job j ON j.id = m.id CROSS JOIN clock
), back AS (
  UPDATE ${s}.job j SET state = 0, lease = 0, attempt = j.attempt - 1, crashes = least(32767, j.crashes + m.crashes)
    FROM judged m WHERE j.id = m.id AND NOT m.ends
  RETURNING j.id, j.kind, j.queue, j.priority, j.run_at, j.attempt
), gone AS (
  DELETE FROM ${s}.job j USING judged m WHERE j.id = m.id AND m.ends
  RETURNING j.*, m.crashes AS crashed, CASE WHEN m.quarantined THEN 4 ELSE 3 END AS final, m.reason, m.worker
), archived AS (
  INSERT INTO ${s}.job_history (id, finished_at, scheduled_at, created_at, claimed_at, lease, priority, max_attempts,
         attempt, crashes, state, queue, kind, gate_key, unique_key, payload_version, worker, reason, meta, policy, payload)
  SELECT g.id, clock.at, g.scheduled_at, g.created_at, g.claimed_at, 0, g.priority, g.max_attempts, g.attempt - 1,
         least(32767, g.crashes + g.crashed), g.final, g.queue, g.kind, g.gate_key, g.unique_key, g.payload_version, g.worker,
         g.reason, g.meta, g.policy, g.payload
    FROM gone g CROSS JOIN clock
), answered AS (
  DELETE FROM ${s}.cancel_request c USING gone g WHERE c.job_id = g.id
), told AS (
  SELECT count(${s}.wake(l.queue, l.priority, l.run_at, 0)) AS n
    FROM (SELECT b.queue, b.priority, min(b.run_at) AS run_at FROM back b GROUP BY b.queue, b.priority) l
)
SELECT r.* FROM told, (
  SELECT b.id::text AS id, b.kind, b.queue, b.attempt, 'available' AS state, NULL::int AS no, NULL::text AS boot FROM back b
  UNION ALL
  SELECT g.id::text, g.kind, g.queue, g.attempt - 1, CASE g.final WHEN 4 THEN 'discarded' ELSE 'cancelled' END, NULL, NULL
    FROM gone g
  UNION ALL
  SELECT b.id::text, '', '', 0, 'doubted', b.no, b.boot::text FROM doubted b
  UNION ALL
  SELECT o.id::text, '', '', 0, 'held', NULL, NULL FROM orphan o
   WHERE NOT EXISTS (SELECT FROM mine m WHERE m.id = o.id) AND NOT EXISTS (SELECT FROM doubted b WHERE b.id = o.id)
) r WHERE told.n >= 0`,
);

/** $1 no, $2 boot. A row when this very process holds the number. */
export const isRegistered = statement(
  'is_registered',
  (s) => `SELECT no FROM ${s}.worker WHERE no = $1::int AND boot = $2::uuid`,
);

/**
 * $1 for how long they have been due, in ms. Queues and kinds of waiting jobs that no registered worker would take, those of
 * payload versions that are too new for all who handle the kind with the newest version. Whatever
 * nobody takes gathers at the heads of the lanes, so only those are read: from each lane that there is (found by going from
 * one to the next) the first 100 rows.
 */
export const unserved = statement(
  'unserved',
  (s) => `
WITH RECURSIVE clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), ${lanes(s)}, head AS (
  SELECT l.queue, h.kind, h.payload_version, h.run_at FROM lane l CROSS JOIN clock CROSS JOIN LATERAL (
    SELECT j.kind, j.payload_version, j.run_at FROM ${s}.job j
     WHERE j.queue = l.queue AND j.priority = l.priority AND NOT j.gated AND j.state = 0
       AND j.run_at <= clock.at - $1::double precision * interval '1 millisecond'
     ORDER BY j.run_at, j.id LIMIT 100) h
)
SELECT h.queue, h.kind, max(h.payload_version) FILTER (WHERE known.kind) AS newer_version, count(*)::int AS jobs,
       pg_catalog.date_part('epoch', min(clock.at) - min(h.run_at)) * 1000 AS oldest_ms
  FROM head h CROSS JOIN clock
 CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(true), false) AS kind,
               coalesce(bool_or(${knows('w', 'h.kind', 'h.payload_version')}), false) AS version
          FROM ${s}.worker w WHERE w.role = 'worker' AND h.queue = ANY (w.queues) AND h.kind = ANY (w.kinds)) known
 WHERE NOT known.version
 GROUP BY h.queue, h.kind, known.kind ORDER BY h.queue, h.kind`,
);
