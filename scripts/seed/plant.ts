import pg from 'pg';

/** In one statement; each is a transaction of its own. */
const chunk = 50_000;

/** How long ago the oldest was enqueued: a little less than completed jobs are kept. */
const days = 6;

/**
 * Writes so many jobs of the last days: of a hundred about 78 completed, 6 discarded, 3 cancelled, 6 scheduled, 4 available and 3 to be
 * retried, of five kinds in four queues; with the attempts that failed. None runs, for no worker has it in hand.
 * @returns how many there are now in each state
 */
export async function plantJobs(
  url: string,
  jobs: number,
  onProgress: (done: number) => void = () => {},
): Promise<Readonly<Record<string, number>>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await createPastPartitions(client);
    const { rows } = await client.query<{ first: string }>(
      `SELECT setval('millrace.job_id_seq', nextval('millrace.job_id_seq') + $1) - $1 AS first`,
      [jobs],
    );
    const first = rows[0]?.first;
    for (let from = 0; from < jobs; from += chunk) {
      await client.query(plant, [first, from, Math.min(jobs, from + chunk) - 1, jobs, days]);
      onProgress(Math.min(jobs, from + chunk));
    }
    await client.query('VACUUM (ANALYZE) millrace.job, millrace.job_history, millrace.job_attempt');
    const counts = await client.query<{ state: string; count: string }>(
      'SELECT state, count(*) FROM millrace.jobs GROUP BY state ORDER BY count(*) DESC',
    );
    return Object.fromEntries(counts.rows.map(({ state, count }) => [state, Number(count)]));
  } finally {
    await client.end();
  }
}

/** Millrace makes those of the days to come. */
async function createPastPartitions(client: pg.Client): Promise<void> {
  for (const table of ['job_history_completed', 'job_history_ended', 'job_attempt']) {
    for (let ago = 0; ago <= days; ago++) {
      const { rows } = await client.query<{ sql: string }>(
        `SELECT format('CREATE TABLE IF NOT EXISTS millrace.%I PARTITION OF millrace.%I FOR VALUES FROM (%L) TO (%L)',
                       $1 || to_char(day, '_YYYYMMDD'), $1, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00') AS sql
           FROM (SELECT (now() AT TIME ZONE 'UTC')::date - $2::int AS day) d`,
        [table, ago],
      );
      await client.query(rows[0]?.sql ?? '');
    }
  }
}

/**
 * $1 the first id, $2 and $3 the first and the last of these jobs counted from 0, $4 how many there will be, $5 days.
 * Everything about a job follows from its number, so that two databases of the same size are alike.
 */
const plant = `
WITH numbered AS MATERIALIZED (
  SELECT $1::bigint + n AS id, n, (hashint8(n) & 1048575) % 100 AS lot, (hashint8(n + 1000003) & 1048575) AS dice,
         now() - $5::int * interval '1 day' * (1 - n::float8 / $4::bigint) AS created_at
    FROM generate_series($2::bigint, $3::bigint) AS g(n)
), made AS MATERIALIZED (
  SELECT s.*,
         (ARRAY['send-mail', 'send-mail', 'resize-image', 'sync-account', 'monthly-report', 'charge-card'])[1 + s.dice % 6] AS kind,
         (ARRAY['mail', 'mail', 'media', 'default', 'default', 'billing'])[1 + s.dice % 6] AS queue,
         (CASE WHEN s.dice % 40 = 0 THEN 5 WHEN s.dice % 40 = 1 THEN -5 ELSE 0 END)::smallint AS priority,
         CASE WHEN s.lot < 75 THEN 1 WHEN s.lot < 78 THEN 2 WHEN s.lot < 84 THEN 3 WHEN s.lot < 97 THEN 0 ELSE 1 END AS attempts,
         jsonb_build_object('userId', s.dice % 10000, 'locale', (ARRAY['de', 'en', 'fr'])[1 + s.dice % 3],
                            'items', jsonb_build_array(s.dice % 7, s.dice % 11)) AS payload,
         CASE WHEN s.dice % 10 = 0 THEN jsonb_build_object('tags', jsonb_build_array('import', 'batch-' || s.dice % 50)) END AS meta
    FROM numbered s
), waiting AS (
  INSERT INTO millrace.job (id, run_at, scheduled_at, created_at, priority, max_attempts, attempt, queue, kind, meta, payload)
  SELECT m.id, due.at, due.at, m.created_at, m.priority, 3, m.attempts, m.queue, m.kind, m.meta, m.payload
    FROM made m CROSS JOIN LATERAL (
      SELECT now() + CASE WHEN m.lot BETWEEN 93 AND 96 THEN -(m.dice % 3600) ELSE 60 + m.dice % 172800 END * interval '1 second' AS at) due
   WHERE m.lot >= 87
), finished AS (
  INSERT INTO millrace.job_history (id, finished_at, scheduled_at, created_at, claimed_at, lease, priority, max_attempts, attempt,
                                    crashes, state, queue, kind, payload_version, worker, reason, meta, payload, result)
  SELECT m.id, m.created_at + m.dice % 900 * interval '10 milliseconds', m.created_at, m.created_at,
         m.created_at + m.dice % 400 * interval '10 milliseconds', 1, m.priority, 3, m.attempts, 0,
         CASE WHEN m.lot < 78 THEN 2 WHEN m.lot < 84 THEN 4 ELSE 3 END, m.queue, m.kind, 1, 'seed:1',
         CASE WHEN m.lot >= 84 THEN 'cancelled on request' WHEN m.lot >= 78 THEN 'no attempt is left' END, m.meta, m.payload,
         CASE WHEN m.lot < 78 AND m.dice % 4 = 0 THEN jsonb_build_object('sent', m.dice % 5) END
    FROM made m WHERE m.lot < 87
)
INSERT INTO millrace.job_attempt (job_id, ended_at, started_at, lease, attempt, ending, worker, error)
SELECT m.id, m.created_at + a.no * interval '1 second', m.created_at + (a.no - 0.5) * interval '1 second', 1, a.no, 'failed', 'seed:1',
       jsonb_build_object('name', e.name, 'message', e.message, 'stack', e.name || ': ' || e.message || E'\\n    at handler (file:///app/jobs/'
                          || m.kind || E'.ts:12:9)\\n    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)')
  FROM made m
 CROSS JOIN LATERAL generate_series(1, CASE WHEN m.lot < 78 THEN m.attempts - 1 WHEN m.lot < 84 OR m.lot >= 97 THEN m.attempts
                                            ELSE 0 END) AS a(no)
 CROSS JOIN LATERAL (
   SELECT (ARRAY['TypeError', 'Error', 'TimeoutError'])[1 + m.dice % 3] AS name,
          (ARRAY['cannot read properties of undefined (reading ''id'')', 'connect ECONNREFUSED 10.0.0.7:443',
                 'no answer after 30 s from user ' || m.dice % 10000])[1 + m.dice % 3] AS message) e`;
