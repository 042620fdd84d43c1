import type pg from 'pg';

/** What our statements call without writing out where it is. The most common of what they could be made to find. */
const functionNames = [
  'array_agg',
  'clock_timestamp',
  'count',
  'date_part',
  'date_trunc',
  'format',
  'generate_series',
  'hashtext',
  'isfinite',
  'json_array_length',
  'max',
  'min',
  'nextval',
  'now',
  'pg_notification_queue_usage',
  'pg_notify',
  'pg_sleep',
  'pg_try_advisory_lock',
  'quote_ident',
  'right',
  'set_config',
  'current_setting',
  'to_char',
  'to_date',
  'to_regclass',
  'to_timestamp',
  'unnest',
];

const operators = [
  '=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '||',
  '->',
  '->>',
  '>>',
  '~',
];

/**
 * Fills a schema with traps: functions and operators that look like those of PostgreSQL and raise an error, and tables,
 * a view and types that are called like ours and like those of PostgreSQL. A role that finds them first must not matter.
 */
export async function createHostileSchema(client: pg.ClientBase, hostile: string): Promise<void> {
  await client.query(`CREATE SCHEMA ${hostile}`);
  const { rows } = await client.query<{ sql: string }>(
    `SELECT format('CREATE TABLE ${hostile}.%I (trap int)', c.relname) AS sql FROM pg_class c
      WHERE c.relnamespace = 'millrace'::regnamespace AND c.relkind IN ('r', 'p', 'v')
     UNION ALL
     SELECT format('CREATE DOMAIN ${hostile}.%I AS %s CHECK (false)', t, 'pg_catalog.' || t)
       FROM unnest(ARRAY['text', 'json', 'jsonb', 'timestamptz', 'uuid']) AS t
     UNION ALL
     SELECT format('CREATE FUNCTION ${hostile}.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', p.proname,
                   pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
                   format('BEGIN RAISE EXCEPTION ''trapped by the function %s''; END', p.proname))
       FROM pg_proc p
      WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provariadic = 0
        AND p.proname = ANY ($1) AND NOT p.prosrc LIKE 'aggregate%'
        AND pg_get_function_identity_arguments(p.oid) !~ '"any"|internal|cstring|anymultirange'
     UNION ALL
     SELECT format('CREATE FUNCTION ${hostile}.trap_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', o.oid,
                   format_type(o.oprleft, NULL), format_type(o.oprright, NULL), format_type(o.oprresult, NULL),
                   format('BEGIN RAISE EXCEPTION ''trapped by the operator %s''; END', replace(o.oprname, '%', '%%')))
            || format('; CREATE OPERATOR ${hostile}.%s (leftarg = %s, rightarg = %s, function = ${hostile}.trap_%s)',
                      o.oprname, format_type(o.oprleft, NULL), format_type(o.oprright, NULL), o.oid)
       FROM pg_operator o
      WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprname = ANY ($2) AND o.oprkind = 'b'
        AND o.oprleft = ANY ($3::regtype[]) AND o.oprright = ANY ($3::regtype[])`,
    [functionNames, operators, types],
  );
  for (const { sql } of rows) await client.query(sql);
}

const types = [
  'int2',
  'int4',
  'int8',
  'float8',
  'numeric',
  'text',
  'name',
  'bool',
  'timestamptz',
  'timestamp',
  'date',
  'interval',
  'jsonb',
  'uuid',
  'oid',
  'anyarray',
];
