import type { Names } from '../names.ts';

/**
 * Statements that take a moment, but for that moment nobody may read or write the table: somebody who reads it for long is
 * not waited for, lest everything else waits behind that; it is tried again for half a minute.
 */
export function patiently({ channel }: Names, table: string, statements: string): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  return `
DO ${quote}
BEGIN
  PERFORM pg_catalog.set_config('lock_timeout', '200ms', true);
  FOR attempt IN 1 .. 150 LOOP
    BEGIN
      ${statements}
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_catalog.pg_sleep(0.2);
    END;
  END LOOP;
  RAISE EXCEPTION 'the table ${table} was in use all the time; end the transactions that read it, then migrate again'
    USING ERRCODE = 'lock_not_available';
END
${quote};
`;
}
