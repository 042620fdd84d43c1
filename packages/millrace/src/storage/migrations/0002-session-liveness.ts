import { quoteText, type Names } from '../names.ts';

/**
 * Liveness by the session: a worker holds an advisory lock as long as its session lives. `mode` says so; a process of the
 * release before this one registers without it and goes on being judged by its heartbeat.
 */
export function sessionLiveness({ schema: s, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  const worker = quoteText(`${s}.worker`);
  return `
ALTER TABLE ${s}.worker ADD COLUMN mode text NOT NULL DEFAULT 'heartbeat' CHECK (mode IN ('session', 'heartbeat'));

CREATE FUNCTION ${s}.liveness_class() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE SET search_path = ''
AS ${quote}
  -- Advisory locks are shared by the whole database; this number is this schema's alone.
  SELECT (${worker}::pg_catalog.regclass::pg_catalog.oid::bigint & 2147483647)::int
${quote};
`;
}
