import { statement } from './statement.ts';

/** The counts read so many rows at most, whatever they are. */
const most = 1_000;

/**
 * How many of the rows that were read are of kinds and versions that somebody serves, and whether there are more to read. Only rows
 * that are due and wait are read, by index.
 */
const counted = (rows: string) => `(
  SELECT pg_catalog.jsonb_build_object('count', least(${most}, count(*) FILTER (WHERE r.payload_version <= served.versions[array_position(served.kinds, r.kind)])),
                                        'atLeast', count(*) > ${most})
    FROM (${rows} LIMIT ${most + 1}) r)`;

const worker = (
  w: string,
) => `pg_catalog.jsonb_build_object('no', ${w}.no, 'host', ${w}.host, 'pid', ${w}.pid,
  'seenAt', ${w}.seen_at, 'concurrency', ${w}.concurrency, 'running', ${w}.running, 'queues', ${w}.queues, 'kinds', ${w}.kinds,
  'versions', ${w}.versions,
  'heldKinds', ${w}.held_kinds, 'blockedSince', ${w}.blocked_since, 'alone', ${w}.alone::text)`;

/**
 * $1 id, $2 whether to count. Everything that says why a job is where it is, in one snapshot. No row: there is no such job. What it reads is
 * bounded however many jobs there are: the jobs ahead up to a count, lane by lane, and those that the same worker holds
 * only as far as they lie before it in its lane, as the jobs of one claim do.
 */
export const whyFacts = statement(
  'why',
  (s) => `
WITH clock AS MATERIALIZED (
  SELECT ${s}.now() AS at
), job AS MATERIALIZED (
  SELECT j.id, j.kind, j.payload_version, j.queue, j.priority, j.state, j.attempt, j.max_attempts, j.crashes, j.created_at, j.run_at, j.claimed_at,
         NULL::timestamptz AS finished_at, NULL::text AS reason, NULL::text AS ran_on, (j.lease >> 32)::int AS owner
    FROM ${s}.job j WHERE j.id = $1::text::bigint
  UNION ALL
  SELECT h.id, h.kind, h.payload_version, h.queue, h.priority, h.state, h.attempt, h.max_attempts, h.crashes, h.created_at, NULL, h.claimed_at,
         h.finished_at, h.reason, h.worker, NULL
    FROM ${s}.job_history h WHERE h.id = $1::text::bigint
), served AS MATERIALIZED (
  SELECT coalesce(pg_catalog.array_agg(k.kind), '{}') AS kinds, coalesce(pg_catalog.array_agg(k.version), '{}') AS versions
    FROM (SELECT each.kind, max(coalesce(each.version, 2147483647)) AS version
            FROM job JOIN ${s}.worker w ON w.role = 'worker' AND job.queue = ANY (w.queues)
           CROSS JOIN LATERAL unnest(w.kinds, w.versions) AS each(kind, version)
           WHERE each.kind <> ALL (w.held_kinds) GROUP BY each.kind) k
)
SELECT clock.at, job.*, job.id::text AS id,
       EXISTS (SELECT FROM ${s}.cancel_request c WHERE c.job_id = job.id) AS cancel_requested,
       (SELECT pg_catalog.jsonb_build_object('attempt', a.attempt, 'ending', a.ending, 'endedAt', a.ended_at, 'error', a.error)
          FROM ${s}.job_attempt a WHERE a.job_id = job.id ORDER BY a.ended_at DESC, a.attempt DESC LIMIT 1) AS last_attempt,
       (SELECT pg_catalog.jsonb_build_object('at', p.paused_at, 'by', p.paused_by, 'reason', p.reason)
          FROM ${s}.queue_pause p WHERE p.queue = job.queue) AS pause,
       (SELECT coalesce(pg_catalog.jsonb_agg(${worker('w')} ORDER BY w.started_at, w.no), '[]')
          FROM ${s}.worker w WHERE w.role = 'worker' AND job.queue = ANY (w.queues)) AS workers,
       (SELECT ${worker('o')} FROM ${s}.worker o WHERE job.state = 1 AND o.no = job.owner) AS owner_worker,
       CASE WHEN $2::text::boolean AND job.state = 1 THEN (
         SELECT count(*) FILTER (WHERE b.state = 1 AND (b.lease >> 32)::int = job.owner)::int
           FROM (SELECT c.state, c.lease FROM ${s}.job c
                  WHERE c.queue = job.queue AND c.priority = job.priority AND NOT c.gated
                    AND (c.run_at, c.id) < (job.run_at, job.id)
                  ORDER BY c.run_at DESC, c.id DESC LIMIT ${most}) b) ELSE 0 END AS claimed_before,
       CASE WHEN $2::text::boolean AND job.state = 0 AND job.run_at <= clock.at THEN pg_catalog.jsonb_build_object(
         'higher', ${counted(`
           SELECT due.kind, due.payload_version FROM pg_catalog.generate_series(32, job.priority + 1, -1) AS lane(priority)
            CROSS JOIN LATERAL (
                   SELECT c.kind, c.payload_version FROM ${s}.job c
                    WHERE c.queue = job.queue AND c.priority = lane.priority::smallint AND NOT c.gated AND c.state = 0
                      AND c.run_at <= clock.at
                    ORDER BY c.run_at, c.id LIMIT ${most + 1}) due`)},
         'earlier', ${counted(`
           SELECT c.kind, c.payload_version FROM ${s}.job c
            WHERE c.queue = job.queue AND c.priority = job.priority AND NOT c.gated AND c.state = 0
              AND (c.run_at, c.id) < (job.run_at, job.id)
            ORDER BY c.run_at DESC, c.id DESC`)}) END AS ahead,
       CASE WHEN job.state = 0 THEN (
         SELECT pg_catalog.jsonb_build_object('host', g.host, 'pid', g.pid, 'at', g.gone_at)
           FROM (SELECT * FROM ${s}.worker_gone ORDER BY gone_at DESC LIMIT ${most}) g
          WHERE job.queue = ANY (g.queues) AND job.kind = ANY (g.kinds)
          ORDER BY g.gone_at DESC LIMIT 1) END AS last_served
  FROM job CROSS JOIN clock CROSS JOIN served
 ORDER BY job.finished_at DESC NULLS FIRST LIMIT 1`,
);
