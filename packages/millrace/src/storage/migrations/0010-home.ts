import { quoteText, type Names } from '../names.ts';

/**
 * Where this schema lives: a copy of the database takes the row along, and `doctor` sees that it is not at home. Where the
 * server does not say who it is, there is no row.
 */
export function home({ schema: s, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  const comment =
    'The database that the jobs are meant for: identifier of the server, oid and name of the database. One row.';
  return `
CREATE TABLE ${s}.home (
  server     bigint NOT NULL,
  database   bigint NOT NULL,
  name       text NOT NULL,
  settled_at timestamptz NOT NULL
);

DO ${quote}
BEGIN
  INSERT INTO ${s}.home (server, database, name, settled_at)
  SELECT c.system_identifier, d.oid::bigint, d.datname, ${s}.now()
    FROM pg_catalog.pg_control_system() c CROSS JOIN pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database();
EXCEPTION WHEN insufficient_privilege THEN
  NULL;
END
${quote};

COMMENT ON TABLE ${s}.home IS ${quoteText(comment)};
`;
}
