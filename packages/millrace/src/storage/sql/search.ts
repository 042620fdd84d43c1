import { statement } from './statement.ts';

/**
 * The parameters that all searches share, as texts; null where the filter does not ask.
 * $1 now in µs since 1970, $2 states of unfinished jobs and $3 of finished ones, as arrays of PostgreSQL, $4 kind, $5 queue, $6 tag,
 * $7 payload (JSON), $8 text in the error, $9 created before and $10 after, in µs, $11 how many, $12 and $13 the window, from
 * the one and below the other.
 */
const time = (us: string) =>
  `(timestamptz 'epoch' + ${us}::text::bigint * interval '1 microsecond')`;

/** Element by element, for of an array that comes as a whole the planner does not know which partitions it leaves out. */
const inStates = `h.state = ANY (ARRAY[${[1, 2, 3].map((no) => `($3::text::smallint[])[${no}]`).join(', ')}])`;

const asked = (row: string) => `($4::text IS NULL OR ${row}.kind = $4::text)
   AND ($5::text IS NULL OR ${row}.queue = $5::text)
   AND ($6::text IS NULL OR jsonb_exists(${row}.meta -> 'tags', $6::text))
   AND ($7::text IS NULL OR ${row}.payload @> $7::text::jsonb)
   AND ($9::text IS NULL OR ${row}.created_at < ${time('$9')})
   AND ($10::text IS NULL OR ${row}.created_at >= ${time('$10')})`;

const says = (row: string) =>
  `strpos(lower(concat_ws(' ', (${row}.error ->> 'name') || ':', ${row}.error ->> 'message', ${row}.error ->> 'code')), lower($8::text)) > 0`;

/** The jobs of the window whose last error says it: looked up once for both sides. */
const saidInWindow = (s: string) => `
  SELECT a.job_id FROM ${s}.job_attempt a
   WHERE $8::text IS NOT NULL AND a.job_id >= $12::text::bigint AND a.job_id < $13::text::bigint AND ${says('a')}
     AND NOT EXISTS (SELECT FROM ${s}.job_attempt later
                      WHERE later.job_id = a.job_id
                        AND (later.ended_at, later.attempt) > (a.ended_at, a.attempt))`;

const isSaid = (row: string) =>
  `($8::text IS NULL OR ${row}.id = ANY (ARRAY(SELECT said.job_id FROM said)))`;

/**
 * The offset keeps the order out of the choice of an index: by that of the times of attempts, those of all jobs would be
 * read to find those of one.
 */
const said = (s: string, row: string) => `($8::text IS NULL OR (
         SELECT ${says('a')}
           FROM (SELECT t.error, t.ended_at, t.attempt FROM ${s}.job_attempt t WHERE t.job_id = ${row}.id OFFSET 0) a
          ORDER BY a.ended_at DESC, a.attempt DESC LIMIT 1))`;

const waitingState = `CASE WHEN j.state = 1 THEN 'running' WHEN j.run_at <= ${time('$1')} THEN 'available'
            WHEN j.attempt > 0 THEN 'retryable' ELSE 'scheduled' END`;
const finishedState = `CASE h.state WHEN 2 THEN 'completed' WHEN 3 THEN 'cancelled' ELSE 'discarded' END`;

const carried = (
  row: string,
) => `${row}.kind, ${row}.queue, ${row}.priority, ${row}.attempt, ${row}.max_attempts, ${row}.crashes,
       ${row}.payload, coalesce(${row}.meta -> 'tags', '[]'::jsonb) AS tags, ${row}.unique_key, ${row}.created_at,
       ${row}.scheduled_at, ${row}.claimed_at`;
const ofUnfinished = (
  s: string,
) => `, ${carried('j')}, NULL::timestamptz AS finished_at, NULL::jsonb AS result,
       NULL::text AS reason, j.state = 1 AND EXISTS (SELECT FROM ${s}.cancel_request c WHERE c.job_id = j.id) AS cancel_requested`;
const ofFinished = `, ${carried('h')}, h.finished_at, h.result, h.reason, false AS cancel_requested`;

/** Each side reads by its own index on the id, newest first, and no further than the answer needs. */
const byId = (s: string, unfinished: string, finished: string) => `
WITH said AS MATERIALIZED (${saidInWindow(s)}
)
SELECT f.id AS place, f.* FROM (
  (SELECT j.id::text AS id, ${waitingState} AS state, j.id AS no${unfinished}
     FROM ${s}.job j
    WHERE $2::text IS NOT NULL AND ${waitingState} = ANY ($2::text::text[])
      AND j.id >= $12::text::bigint AND j.id < $13::text::bigint
      AND ${asked('j')}
      AND ${isSaid('j')}
    ORDER BY j.id DESC LIMIT $11::text::int)
  UNION ALL
  (SELECT h.id::text, ${finishedState}, h.id${finished}
     FROM ${s}.job_history h
    WHERE $3::text IS NOT NULL AND ${inStates}
      AND h.id >= $12::text::bigint AND h.id < $13::text::bigint
      AND ${asked('h')}
      AND ${isSaid('h')}
    ORDER BY h.id DESC LIMIT $11::text::int)
) f ORDER BY f.no DESC LIMIT $11::text::int`;

/** The window is in µs since 1970; $14 the id below which to begin at its very end. */
const byFinish = (s: string, finished: string) => `
SELECT (pg_catalog.date_part('epoch', h.finished_at) * 1000000)::bigint || '-' || h.id AS place,
       h.id::text AS id, ${finishedState} AS state${finished}
  FROM ${s}.job_history h
 WHERE $1::text IS NOT NULL AND $2::text IS NULL AND ${inStates}
   AND h.finished_at >= ${time('$12')} AND h.finished_at <= ${time('$13')}
   AND (h.finished_at < ${time('$13')} OR h.id < $14::text::bigint)
   AND ${asked('h')}
   AND ${said(s, 'h')}
 ORDER BY h.finished_at DESC, h.id DESC LIMIT $11::text::int`;

export const findById = statement('find_by_id', (s) => byId(s, ofUnfinished(s), ofFinished));
export const findNamesById = statement('find_names_by_id', (s) => byId(s, ', j.kind', ', h.kind'));
export const findByFinish = statement('find_by_finish', (s) => byFinish(s, ofFinished));
export const findNamesByFinish = statement('find_names_by_finish', (s) => byFinish(s, ', h.kind'));

/** Where a search may begin and must end. */
export const searchBounds = statement(
  'search_bounds',
  (s) => `
SELECT (pg_catalog.date_part('epoch', ${s}.now()) * 1000000)::bigint::text AS now_us,
       greatest((SELECT max(j.id) FROM ${s}.job j), (SELECT max(h.id) FROM ${s}.job_history h), 0)::text AS newest`,
);

/**
 * $1 an id above all, $2 a time in µs since 1970, $3 how near is near enough. `low`, `high`: jobs below the one were enqueued
 * before that time, and those from the other on were not; as far as ids are given in the order of time.
 */
export const idsAround = statement(
  'ids_around',
  (s) => `
WITH RECURSIVE probe(low, high) AS (
  SELECT 0::bigint, $1::text::bigint
  UNION ALL
  SELECT CASE WHEN at.created_at < ${time('$2')} THEN middle.id ELSE p.low END,
         CASE WHEN at.created_at < ${time('$2')} THEN p.high ELSE middle.id END
    FROM probe p
   CROSS JOIN LATERAL (SELECT (p.low + p.high) / 2 AS id) middle
   CROSS JOIN LATERAL (
          SELECT f.created_at FROM (
            (SELECT j.id, j.created_at FROM ${s}.job j WHERE j.id >= middle.id ORDER BY j.id LIMIT 1)
            UNION ALL
            (SELECT h.id, h.created_at FROM ${s}.job_history h WHERE h.id >= middle.id ORDER BY h.id LIMIT 1)) f
           ORDER BY f.id LIMIT 1) at
   WHERE p.high - p.low > $3::text::bigint
)
SELECT max(p.low)::text AS low, min(p.high)::text AS high FROM probe p`,
);

/** Times in µs since 1970. */
export const finishBounds = statement(
  'finish_bounds',
  (s) => `
SELECT (pg_catalog.date_part('epoch', min(h.finished_at)) * 1000000)::bigint::text AS first,
       (pg_catalog.date_part('epoch', max(h.finished_at)) * 1000000)::bigint::text AS last
  FROM ${s}.job_history h`,
);

/** $1 ms, 0 for no limit. For the rest of the transaction: everything by index, and nothing compiled or started for it. */
export const searchSettings = statement(
  'search_settings',
  () => `SELECT set_config('statement_timeout', $1::text, true), set_config('jit', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)`,
);

/** $1 ids as a JSON array of texts. */
export const namesOf = statement(
  'names_of',
  (s) => `
SELECT v.id::text AS id, v.kind, v.state FROM json_array_elements_text($1::text::json) AS w(id)
 CROSS JOIN LATERAL (SELECT j.id, j.kind, j.state FROM ${s}.jobs j WHERE j.id = w.id::bigint) v`,
);
