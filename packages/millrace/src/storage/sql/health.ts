import { quoteText } from '../names.ts';
import { claim } from './claim.ts';
import { migratedIndexes } from './migrated-indexes.ts';
import { statement } from './statement.ts';

/** One line of what the migrations make, as formats that take the schema. */
function toRow(line: string): string {
  const [, constraint, create, name = '', only = '', of = '', how] = indexLine.exec(line) ?? [];
  const table = `%1$I.${of}`;
  const row =
    constraint === undefined
      ? [
          // An index of a partitioned table cannot be made beside those who write.
          `${create} ${only === '' ? 'CONCURRENTLY ' : ''}${name} ON ${table} ${how};`,
          `DROP INDEX %1$I.${name};`,
        ]
      : [
          `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${constraint};`,
          `ALTER TABLE ${table} DROP CONSTRAINT ${name};`,
        ];
  return `(${[of, name, `${create} ${name} ON ${only}${table} ${how}`, ...row].map(quoteText).join(', ')})`;
}

const indexLine = /^(?:(.+) BY )?(CREATE (?:UNIQUE )?INDEX) (\S+) ON (ONLY )?millrace\.(\S+) (.+)$/;

/**
 * $1 the schema. Indexes of migrations that are not there or are not what a migration made, and any that is not valid. What
 * mends a different one is to drop it; then it is missing.
 */
export const faultyIndexes = statement(
  'health_indexes',
  () => `
WITH wanted AS (
  SELECT w.name, pg_catalog.format(w.shown, $1::text) AS shown, pg_catalog.format(w.make, $1::text) AS make,
         pg_catalog.format(w.remove, $1::text) AS remove
    FROM (VALUES ${migratedIndexes.map(toRow).join(', ')}) AS w(of, name, shown, make, remove)
   WHERE EXISTS (
     SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relname = w.of AND n.nspname = $1::text)
), present AS (
  SELECT c.relname, i.indisvalid AND i.indisready AS usable, pg_catalog.pg_get_indexdef(c.oid) AS shown
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
)
SELECT w.name, 'missing' AS fault, w.make AS mend FROM wanted w
 WHERE NOT EXISTS (SELECT FROM present p WHERE p.relname = w.name)
UNION ALL
SELECT w.name, 'different', w.remove FROM wanted w JOIN present p ON p.relname = w.name WHERE p.shown <> w.shown
UNION ALL
SELECT p.relname, 'invalid', pg_catalog.format('REINDEX INDEX CONCURRENTLY %I.%I;', $1::text, p.relname)
  FROM present p WHERE NOT p.usable
 ORDER BY 1`,
);

/** The home of the jobs if it is not here. A copy of all of a server's files cannot be told from it. */
export const strangeHome = statement(
  'health_home',
  (s) => `
SELECT pg_catalog.format('the database %s%s', h.name, CASE WHEN h.server = c.system_identifier THEN '' ELSE ' of another server' END) AS name,
       pg_catalog.format('UPDATE ${s.replaceAll("'", "''").replaceAll('%', '%%')}.home SET server = %s, database = %s, name = %L, settled_at = now();',
                         c.system_identifier, d.oid, d.datname) AS mend
  FROM ${s}.home h CROSS JOIN pg_catalog.pg_control_system() c
  JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
 WHERE h.server <> c.system_identifier OR h.database <> d.oid::bigint`,
);

/** $1 the schema. Tables and indexes with their sizes and counts as statistics and the last ANALYZE have them. */
export const tableSizes = statement(
  'health_tables',
  () => `
WITH settings AS (
  SELECT pg_catalog.current_setting('autovacuum_vacuum_threshold')::float8 AS base,
         pg_catalog.current_setting('autovacuum_vacuum_scale_factor')::float8 AS scale
), tables AS (
  SELECT c.oid, c.relname, c.reltuples, t.n_live_tup::float8 AS live, t.n_dead_tup::float8 AS dead
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
    JOIN pg_catalog.pg_stat_all_tables t ON t.relid = c.oid
   WHERE c.relkind = 'r'
)
SELECT t.relname AS name, false AS is_index, t.live, t.dead, s.base + s.scale * greatest(0, t.reltuples) AS vacuum_at,
       pg_catalog.pg_relation_size(t.oid)::float8 AS bytes,
       pg_catalog.format('VACUUM (ANALYZE) %I.%I;', $1::text, t.relname) AS mend
  FROM tables t CROSS JOIN settings s
UNION ALL
SELECT c.relname, true, t.live, 0, 0, pg_catalog.pg_relation_size(c.oid)::float8,
       pg_catalog.format('REINDEX INDEX CONCURRENTLY %I.%I;', $1::text, c.relname)
  FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 ORDER BY 1`,
);

/** Transactions, prepared transactions and slots that hold old row versions or log, the oldest first. */
export const holders = statement(
  'health_holders',
  () => `
SELECT 'transaction' AS type, 'pid ' || a.pid AS name,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start) * 1000 AS held_ms,
       pg_catalog.concat_ws(', ', nullif(a.application_name, ''), a.usename, a.state,
         'query of ' || pg_catalog.to_char(a.query_start, 'HH24:MI:SS') || ': ' || pg_catalog.left(a.query, 80)) AS detail,
       pg_catalog.format('SELECT pg_terminate_backend(%s);', a.pid) AS mend
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = pg_catalog.current_database() AND a.xact_start IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
   AND a.backend_type = 'client backend'
UNION ALL
SELECT 'prepared', p.gid, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - p.prepared) * 1000, 'of ' || p.owner,
       pg_catalog.format('ROLLBACK PREPARED %L;', p.gid)
  FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database()
UNION ALL
SELECT 'slot', s.slot_name, NULL, s.slot_type || ' slot' || coalesce(' of plugin ' || s.plugin, ''),
       pg_catalog.format('SELECT pg_drop_replication_slot(%L);', s.slot_name)
  FROM pg_catalog.pg_replication_slots s
 WHERE NOT s.active AND (s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL OR s.restart_lsn IS NOT NULL)
 ORDER BY 3 DESC NULLS LAST LIMIT 20`,
);

/** Whether others' sessions can be seen. */
export const sight = statement(
  'health_sight',
  () => `
SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_others,
       pg_catalog.format('GRANT pg_monitor TO %I;', current_user) AS grant`,
);

/** Settings of the server without which a crash loses or corrupts what was committed. */
export const serverSettings = statement(
  'health_settings',
  () => `
SELECT s.name, pg_catalog.format('ALTER SYSTEM SET %s = on; SELECT pg_reload_conf();', s.name) AS mend
  FROM pg_catalog.pg_settings s WHERE s.name IN ('fsync', 'full_page_writes') AND s.setting = 'off' ORDER BY 1`,
);

/** $1 the schema. Where autovacuum is off: for the server, or for one of our tables. */
export const autovacuumOff = statement(
  'health_autovacuum',
  () => `
SELECT 'the server (' || s.name || ' = off)' AS name,
       pg_catalog.format('ALTER SYSTEM SET %s = on; SELECT pg_reload_conf();', s.name) AS mend
  FROM pg_catalog.pg_settings s WHERE s.name IN ('autovacuum', 'track_counts') AND s.setting = 'off'
UNION ALL
SELECT 'the table ' || c.relname, pg_catalog.format('ALTER TABLE %I.%I RESET (autovacuum_enabled);', $1::text, c.relname)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
 CROSS JOIN LATERAL pg_catalog.pg_options_to_table(c.reloptions) o
 WHERE c.relkind = 'r' AND o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean
 ORDER BY 1`,
);

/** Sessions of clients that count against the limit; ours are those on whose locks or names it can be seen. */
export const connectionBudget = statement(
  'health_connections',
  () => `
SELECT (pg_catalog.current_setting('max_connections')::int
        - pg_catalog.current_setting('superuser_reserved_connections')::int)::float8 AS most,
       count(*)::float8 AS used,
       (count(*) FILTER (WHERE a.application_name LIKE 'millrace%'))::float8 AS ours
  FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid()`,
);

export const serverClock = statement(
  'health_clock',
  () => `SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000 AS server_ms`,
);

export const notificationQueue = statement(
  'health_notifications',
  () => 'SELECT pg_catalog.pg_notification_queue_usage() AS usage',
);

/** Days from today on without an attached partition. */
export const missingPartitions = statement(
  'health_partitions',
  (s) => `
SELECT p.parent, d.ahead, 'SELECT ${s.replaceAll("'", "''")}.create_partitions();' AS mend
  FROM pg_catalog.unnest(ARRAY['job_history_completed', 'job_history_ended', 'job_attempt']) AS p(parent)
 CROSS JOIN pg_catalog.generate_series(0, 7) AS d(ahead)
 WHERE NOT EXISTS (
   SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = pg_catalog.to_regclass(pg_catalog.format('%s.%I', '${s.replaceAll("'", "''")}', p.parent))
      AND NOT i.inhdetachpending
      AND c.relname = p.parent || '_' || pg_catalog.to_char((${s}.now() AT TIME ZONE 'UTC')::date + d.ahead, 'YYYYMMDD'))
 ORDER BY 2, 1`,
);

/** The real claim, not run. */
export const claimPlan = statement(
  'health_claim_plan',
  (_, names) => `EXPLAIN (FORMAT JSON) ${claim(names).text}`,
);

/** $1 the schema. Tables on which row level security hides rows from this role. */
export const rowSecurity = statement(
  'health_row_security',
  () => `
SELECT c.relname AS name,
       pg_catalog.format('ALTER TABLE %1$I.%2$I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;', $1::text, c.relname) AS mend
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
 WHERE c.relkind IN ('r', 'p') AND pg_catalog.row_security_active(c.oid) ORDER BY 1`,
);

/** $1 the schema. What this role may not do to the tables; a worker changes all of them but the record of migrations. */
export const lackingPrivileges = statement(
  'health_privileges',
  () => `
SELECT lacking.name, pg_catalog.format('GRANT %s ON %I.%I TO %I;', lacking.privileges, $1::text, lacking.relation, current_user) AS mend
  FROM (SELECT c.relname AS relation, pg_catalog.string_agg(p.privilege, ', ' ORDER BY p.place) AS privileges,
               c.relname || ': ' || pg_catalog.string_agg(p.privilege, ', ' ORDER BY p.place) AS name
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
          JOIN (VALUES (1, 'SELECT'), (2, 'INSERT'), (3, 'UPDATE'), (4, 'DELETE')) AS p(place, privilege)
            ON p.place = 1 OR c.relname <> 'migration'
         WHERE c.relkind IN ('r', 'p') AND c.relname !~ '_[0-9]{8}$' AND NOT pg_catalog.has_table_privilege(c.oid, p.privilege)
         GROUP BY c.relname) lacking
UNION ALL
SELECT 'job_id_seq: USAGE', pg_catalog.format('GRANT USAGE, SELECT ON SEQUENCE %I.job_id_seq TO %I;', $1::text, current_user)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
 WHERE c.relkind = 'S' AND c.relname = 'job_id_seq' AND NOT pg_catalog.has_sequence_privilege(c.oid, 'USAGE')
UNION ALL
SELECT 'the schema: USAGE', pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I;', $1::text, current_user)
 WHERE NOT pg_catalog.has_schema_privilege($1::text, 'USAGE')
 ORDER BY 1`,
);

/** The last id that was given, and the highest that a job has. */
export const idSequence = statement(
  'health_sequence',
  (s) => `
SELECT q.last_value::text AS last, m.highest::text AS highest,
       pg_catalog.format('SELECT setval(%L, %s);', '${s.replaceAll("'", "''")}.job_id_seq', m.highest) AS mend
  FROM ${s}.job_id_seq q
 CROSS JOIN (SELECT greatest((SELECT max(j.id) FROM ${s}.job j), (SELECT max(h.id) FROM ${s}.job_history h), 0) AS highest) m`,
);

export const registered = statement(
  'health_workers',
  (s) => `
SELECT w.role || ' ' || w.host || ':' || w.pid AS label, w.version,
       pg_catalog.date_part('epoch', ${s}.now() - w.seen_at) * 1000 AS silent_ms
  FROM ${s}.worker w ORDER BY w.started_at, w.no LIMIT 1000`,
);
