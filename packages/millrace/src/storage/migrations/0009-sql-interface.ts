import { quoteText, type Names } from '../names.ts';

/** What is part of version 1. */
const comments = [
  [
    'VIEW',
    'jobs',
    'Every job, unfinished and finished, with its state by name. Payload and result are redacted for roles that may not read the tables.',
  ],
  [
    'VIEW',
    'history',
    'Finished jobs, with the worker that ran them. Payload and result are redacted for roles that may not read the tables.',
  ],
  [
    'VIEW',
    'queues',
    'Each queue: jobs by state, the oldest due one, jobs finished per minute, live workers, its pause. Where due_exact is false, available is an estimate and running counts only the first rows; where later_exact is false, scheduled and retryable are estimates.',
  ],
  [
    'VIEW',
    'schedules',
    'Each schedule: its last fire time and the state of that job, its pause, the last run that somebody asked for. known: a live scheduler fires it. Fire times up to considered_until were fired or let go.',
  ],
  [
    'VIEW',
    'workers',
    'Each live worker and scheduler. running: at the last heartbeat; for workers of releases that do not say it, the jobs found among the first rows of each queue and priority.',
  ],
  [
    'FUNCTION',
    'enqueue(text, jsonb, jsonb)',
    'Enqueues a job in the transaction of the caller; answers with its id, or with that of the unfinished job that holds the unique key. Options: queue, priority, maxAttempts, delay, scheduledAt, tags, uniqueKey, timeout, payloadVersion.',
  ],
  [
    'FUNCTION',
    'cancel(bigint, text)',
    'Cancels a waiting job, asks a running one to stop; answers cancelled, requested, finished, missing or busy.',
  ],
  [
    'FUNCTION',
    'retry(bigint)',
    'Makes a waiting job due now, brings a finished one back; answers available, running, missing or busy.',
  ],
  [
    'FUNCTION',
    'pause(text, text, text)',
    'Nothing more is claimed from the queue; answers whether it was not paused before.',
  ],
  ['FUNCTION', 'resume(text)', 'Ends the pause of a queue; answers whether it was paused.'],
] as const;

/**
 * What people and programs use that speak SQL only; docs/sql.md describes it. Its names stay: what is added comes as new
 * columns at the end of a view and as new options, what has to change comes under a new name beside the old one.
 * - The functions end in those that the library calls, with the rights of whoever calls them.
 * - Payloads and results are shown to whoever may read the table itself, and to nobody else.
 * - What a worker does that only an owner may do, it does through functions with the owner's rights.
 */
export function sqlInterface({ schema: s, plainSchema, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  const job = quoteText(`${s}.job`);
  const history = quoteText(`${s}.job_history`);
  const schema = quoteText(plainSchema);
  const shown = (table: string, column: string) =>
    `CASE WHEN (SELECT pg_catalog.has_column_privilege(${table}::pg_catalog.regclass, '${column}', 'SELECT'))`;
  const hidden = `'"[redacted]"'::jsonb`;
  const finishedState = `CASE h.state WHEN 2 THEN 'completed' WHEN 3 THEN 'cancelled' ELSE 'discarded' END`;
  const result = `CASE WHEN h.result IS NOT NULL THEN ${shown(history, 'result')} THEN h.result ELSE ${hidden} END END`;
  const payload = `${shown(history, 'payload')} THEN h.payload ELSE ${hidden} END`;
  const tags = (row: string) => `coalesce(${row}.meta -> 'tags', '[]'::jsonb)`;
  const body = `LANGUAGE plpgsql VOLATILE SET search_path = '' AS ${quote}`;
  // Temporary types are found first wherever a path does not name their schema, and anybody can make some.
  const ownerPath = 'SET search_path = pg_catalog, pg_temp';
  const asOwner = (name: string) => `ALTER FUNCTION ${s}.${name} SECURITY DEFINER ${ownerPath};`;
  /** Who lacks the right is told what grants it, and not the name of a table. */
  const onlyFor = (right: 'INSERT' | 'DELETE', as: 'producer' | 'worker', verb: string) =>
    `IF NOT pg_catalog.has_table_privilege(${job}::pg_catalog.regclass, '${right}') THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
      MESSAGE = pg_catalog.format('MILLRACE_DB_PERMISSION: the role %s may not ${verb}', current_user),
      HINT = pg_catalog.format('Run what this prints as the owner of the schema: millrace grants --${as} %s', current_user);
  END IF;`;
  /** Most jobs have few options, and a call of a function costs more than to see that there is none. */
  const option = (type: 'text' | 'whole' | 'ms' | 'time', name: string, ...bounds: string[]) =>
    `CASE WHEN given ? '${name}' THEN ${s}.option_${type}(${['given', `'${name}'`, ...bounds].join(', ')}) END`;
  return `
CREATE OR REPLACE VIEW ${s}.jobs AS
SELECT j.id, j.kind,
       CASE WHEN j.state = 1 THEN 'running'
            WHEN j.run_at <= t.at THEN 'available'
            WHEN j.attempt > 0 THEN 'retryable'
            ELSE 'scheduled' END AS state,
       j.queue, j.priority, j.attempt, j.max_attempts, j.crashes,
       ${shown(job, 'payload')} THEN j.payload ELSE ${hidden} END AS payload,
       ${tags('j')} AS tags, j.unique_key,
       j.created_at, j.scheduled_at, j.claimed_at, NULL::timestamptz AS finished_at,
       NULL::jsonb AS result, NULL::text AS reason,
       j.state = 1 AND EXISTS (SELECT FROM ${s}.cancel_request c WHERE c.job_id = j.id) AS cancel_requested
  FROM ${s}.job j CROSS JOIN LATERAL (SELECT ${s}.now() AS at) t
UNION ALL
SELECT h.id, h.kind, ${finishedState},
       h.queue, h.priority, h.attempt, h.max_attempts, h.crashes, ${payload},
       ${tags('h')}, h.unique_key,
       h.created_at, h.scheduled_at, h.claimed_at, h.finished_at,
       ${result}, h.reason, false
  FROM ${s}.job_history h;

CREATE VIEW ${s}.history AS
SELECT h.id, h.kind, ${finishedState} AS state,
       h.queue, h.priority, h.attempt, h.max_attempts, h.crashes, ${payload} AS payload,
       ${tags('h')} AS tags, h.unique_key,
       h.created_at, h.scheduled_at, h.claimed_at, h.finished_at,
       ${result} AS result, h.reason, h.worker
  FROM ${s}.job_history h;

-- For readers, who may read no table: these count and name jobs, and show nothing of what is in them.
${['lanes()', 'estimated_jobs(text, timestamptz, timestamptz)', 'running_jobs()', 'finished_lately(interval, int)', 'queue_depths()'].map(asOwner).join('\n')}

-- For workers, who own no table. What these make is the same whoever calls them.
${['create_partitions()', 'remember_gone()'].map(asOwner).join('\n')}

CREATE FUNCTION ${s}.drop_partition(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ${ownerPath} SET lock_timeout = '100ms' AS ${quote}
DECLARE
  parent text := pg_catalog.substring(name, '^(job_history_completed|job_history_ended|job_attempt)_[0-9]{8}$');
  pending boolean;
BEGIN
  IF parent IS NULL OR pg_catalog.to_date(pg_catalog.right(name, 8), 'YYYYMMDD') >= (${s}.now() AT TIME ZONE 'UTC')::date THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = pg_catalog.format('MILLRACE_OPTION_INVALID: %L is not the table of a day that is over', name),
      HINT = 'Name one such as job_attempt_20260131.';
  END IF;
  SELECT i.inhdetachpending INTO pending
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relname = drop_partition.name
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = ${schema};
  IF pending IS NOT NULL THEN
    EXECUTE pg_catalog.format('ALTER TABLE %1$I.%2$I DETACH PARTITION %1$I.%3$I%4$s', ${schema}, parent, name,
                              CASE WHEN pending THEN ' FINALIZE' ELSE '' END);
  END IF;
  EXECUTE pg_catalog.format('DROP TABLE %I.%I', ${schema}, name);
END
${quote};
REVOKE EXECUTE ON FUNCTION ${s}.drop_partition(text) FROM PUBLIC;

CREATE FUNCTION ${s}.option_text(options jsonb, name text, longest int) RETURNS text ${body}
DECLARE
  given text := options ->> name;
BEGIN
  IF given IS NOT NULL AND (pg_catalog.jsonb_typeof(options -> name) <> 'string' OR given = '' OR pg_catalog.length(given) > longest) THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = pg_catalog.format('MILLRACE_OPTION_INVALID: %s must be text of 1 to %s characters', name, longest),
      HINT = pg_catalog.format('Give it as in {"%s": "text"}.', name);
  END IF;
  RETURN given;
END
${quote};

CREATE FUNCTION ${s}.option_whole(options jsonb, name text, lowest int, highest int) RETURNS int ${body}
DECLARE
  given text := options ->> name;
BEGIN
  IF given IS NULL THEN
    RETURN NULL;
  END IF;
  IF (CASE pg_catalog.jsonb_typeof(options -> name)
       WHEN 'number' THEN given::numeric BETWEEN lowest AND highest AND given::numeric % 1 = 0 END) THEN
    RETURN given::numeric::int;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
    MESSAGE = pg_catalog.format('MILLRACE_OPTION_INVALID: %s must be a whole number from %s to %s, not %s', name, lowest, highest, options -> name),
    HINT = pg_catalog.format('Give it as in {"%s": %s}.', name, highest);
END
${quote};

CREATE FUNCTION ${s}.option_ms(options jsonb, name text) RETURNS double precision ${body}
DECLARE
  given text := options ->> name;
  ms double precision;
BEGIN
  IF given IS NULL THEN
    RETURN NULL;
  END IF;
  BEGIN
    ms := CASE pg_catalog.jsonb_typeof(options -> name)
            WHEN 'number' THEN given::double precision
            WHEN 'string' THEN pg_catalog.date_part('epoch', given::interval) * 1000 END;
  EXCEPTION WHEN data_exception THEN
    ms := NULL;
  END;
  IF ms >= 0 AND ms <= 36525 * 86400000.0 THEN
    RETURN ms;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
    MESSAGE = pg_catalog.format('MILLRACE_DURATION_INVALID: %s: %s is not a duration', name, options -> name),
    HINT = 'Give milliseconds, text such as "30s", "5m", "12h", "7d", or an interval.';
END
${quote};

CREATE FUNCTION ${s}.option_time(options jsonb, name text) RETURNS timestamptz ${body}
DECLARE
  given text := options ->> name;
  moment timestamptz;
BEGIN
  IF given IS NULL THEN
    RETURN NULL;
  END IF;
  BEGIN
    moment := CASE pg_catalog.jsonb_typeof(options -> name) WHEN 'string' THEN given::timestamptz END;
  EXCEPTION WHEN data_exception THEN
    moment := NULL;
  END;
  IF pg_catalog.isfinite(moment) AND pg_catalog.date_part('year', moment) BETWEEN 1 AND 9999 THEN
    RETURN moment;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
    MESSAGE = pg_catalog.format('MILLRACE_OPTION_INVALID: %s must be a time of the years 1 to 9999, not %s', name, options -> name),
    HINT = 'Give it as jsonb_build_object(''scheduledAt'', now() + interval ''1 hour'') does.';
END
${quote};

CREATE FUNCTION ${s}.enqueue(kind text, payload jsonb DEFAULT '{}', options jsonb DEFAULT '{}') RETURNS bigint ${body}
DECLARE
  given jsonb := coalesce(options, '{}');
  known constant text[] := '{queue,priority,maxAttempts,delay,scheduledAt,tags,uniqueKey,timeout,payloadVersion}';
  stranger text;
  unique_key text;
  tags jsonb;
  timeout_ms double precision;
  made bigint;
BEGIN
  ${onlyFor('INSERT', 'producer', 'enqueue jobs')}
  IF coalesce(kind, '') = '' OR pg_catalog.length(kind) > 200 THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'MILLRACE_OPTION_INVALID: the kind must be text of 1 to 200 characters',
      HINT = 'Give the kind of a job definition.';
  END IF;
  IF payload IS NULL OR payload = 'null' THEN
    RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
      MESSAGE = pg_catalog.format('MILLRACE_PAYLOAD_INVALID: the payload of %s must not be null', kind),
      HINT = 'Give a JSON value that the schema of the job definition accepts, or leave it out for {}.';
  END IF;
  IF pg_catalog.octet_length(payload::text) > 1048576 THEN
    RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
      MESSAGE = pg_catalog.format('MILLRACE_PAYLOAD_TOO_LARGE: the payload of %s has %s bytes; 1048576 are allowed', kind,
                                  pg_catalog.octet_length(payload::text)),
      HINT = 'Store the data elsewhere and enqueue a reference.';
  END IF;
  IF pg_catalog.jsonb_typeof(given) <> 'object' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = pg_catalog.format('MILLRACE_OPTION_INVALID: the options must be a JSON object, not %s', pg_catalog.jsonb_typeof(given)),
      HINT = 'Give them as in {"queue": "mail", "priority": 5}.';
  END IF;
  SELECT k.key INTO stranger FROM pg_catalog.jsonb_object_keys(given) AS k(key) WHERE k.key <> ALL (known) LIMIT 1;
  IF stranger IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = pg_catalog.format('MILLRACE_OPTION_UNKNOWN: unknown option %L', stranger),
      HINT = pg_catalog.format('Correct the name or remove it; the options are %s.', pg_catalog.array_to_string(known, ', '));
  END IF;
  IF given ->> 'delay' IS NOT NULL AND given ->> 'scheduledAt' IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'MILLRACE_OPTION_INVALID: give delay or scheduledAt, not both',
      HINT = 'Remove one of them.';
  END IF;
  tags := nullif(given -> 'tags', 'null');
  IF tags IS NOT NULL AND (pg_catalog.jsonb_typeof(tags) <> 'array'
     OR pg_catalog.jsonb_path_exists(tags, 'strict $[*] ? (@.type() != "string" || @ == "")')
     OR (SELECT max(pg_catalog.length(t.tag)) FROM pg_catalog.jsonb_array_elements_text(tags) AS t(tag)) > 200) THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'MILLRACE_OPTION_INVALID: tags must be a list of texts of 1 to 200 characters',
      HINT = 'Give it as in {"tags": ["nightly", "customer-7"]}.';
  END IF;
  unique_key := ${option('text', 'uniqueKey', '500')};
  timeout_ms := ${option('ms', 'timeout')};
  IF pg_catalog.round(timeout_ms) = 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'MILLRACE_OPTION_INVALID: timeout must be longer than zero',
      HINT = 'Give a longer one, or leave it out.';
  END IF;
  SELECT e.job_id INTO made FROM ${s}.enqueue_jobs(pg_catalog.json_build_array(
    pg_catalog.jsonb_build_object(
      'kind', kind,
      'queue', coalesce(${option('text', 'queue', '200')}, 'default'),
      'priority', coalesce(${option('whole', 'priority', '-32, 32')}, 0),
      'max_attempts', coalesce(${option('whole', 'maxAttempts', '1, 32767')}, 20),
      'payload', payload,
      'payload_version', coalesce(${option('whole', 'payloadVersion', '1, 2147483647')}, 1),
      'meta', CASE WHEN pg_catalog.jsonb_array_length(tags) > 0 THEN pg_catalog.jsonb_build_object('tags', tags) END,
      'policy', CASE WHEN timeout_ms IS NOT NULL THEN pg_catalog.jsonb_build_object('timeoutMs', pg_catalog.round(timeout_ms)) END,
      'delay_ms', pg_catalog.round(${option('ms', 'delay')}),
      'scheduled_at', ${option('time', 'scheduledAt')})
    || CASE WHEN unique_key IS NULL THEN '{}' ELSE pg_catalog.jsonb_build_object('unique_key', unique_key) END)) e;
  RETURN made;
END
${quote};

CREATE FUNCTION ${s}.cancel(id bigint, reason text DEFAULT 'cancelled on request') RETURNS text ${body}
BEGIN
  ${onlyFor('DELETE', 'worker', 'cancel jobs')}
  BEGIN
    RETURN (SELECT c.status FROM ${s}.cancel_job(id, coalesce(reason, 'cancelled on request')) c);
  EXCEPTION WHEN check_violation THEN
    -- The history has no partition for this day.
    PERFORM ${s}.create_partitions();
    RETURN (SELECT c.status FROM ${s}.cancel_job(id, coalesce(reason, 'cancelled on request')) c);
  END;
END
${quote};

CREATE FUNCTION ${s}.retry(id bigint) RETURNS text ${body}
BEGIN
  ${onlyFor('DELETE', 'worker', 'retry jobs')}
  RETURN (SELECT r.status FROM ${s}.retry_job(id) r);
EXCEPTION WHEN unique_violation THEN
  RAISE EXCEPTION USING ERRCODE = 'unique_violation',
    MESSAGE = pg_catalog.format('MILLRACE_UNIQUE_CONFLICT: the unique key of job %s is taken by an unfinished job', id),
    HINT = 'Wait for that job, or cancel it.';
END
${quote};

CREATE FUNCTION ${s}.pause(queue text, reason text DEFAULT '', paused_by text DEFAULT session_user) RETURNS boolean ${body}
#variable_conflict use_variable
BEGIN
  ${onlyFor('DELETE', 'worker', 'pause queues')}
  IF coalesce(queue, '') = '' OR pg_catalog.length(queue) > 200 THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
      MESSAGE = 'MILLRACE_OPTION_INVALID: the queue must be text of 1 to 200 characters',
      HINT = 'Give the name of one queue.';
  END IF;
  INSERT INTO ${s}.queue_pause (queue, paused_at, paused_by, reason)
  VALUES (queue, ${s}.now(), coalesce(paused_by, session_user), coalesce(reason, ''))
  ON CONFLICT DO NOTHING;
  RETURN FOUND;
END
${quote};

CREATE FUNCTION ${s}.resume(queue text) RETURNS boolean ${body}
BEGIN
  ${onlyFor('DELETE', 'worker', 'resume queues')}
  DELETE FROM ${s}.queue_pause p WHERE p.queue = resume.queue;
  RETURN FOUND;
END
${quote};

${comments.map(([type, name, text]) => `COMMENT ON ${type} ${s}.${name} IS ${quoteText(`SQL interface 1. ${text}`)};`).join('\n')}
`;
}
