import { quoteText, type Names } from '../names.ts';

/**
 * The lines of an attempt that are kept lie beside its error. Adding the column takes a moment, but for that moment nobody
 * may read or write the table: somebody who reads it for long is not waited for, lest every settlement waits behind that.
 */
export function attemptLogs({ schema: s, channel }: Names): string {
  // Unlike a fixed word, it occurs in no name.
  const quote = `$${channel}$`;
  const comment = quoteText(
    'Attempts that did not complete, and those whose lines are kept; rows are only added, and dropped by the day.',
  );
  return `
DO ${quote}
BEGIN
  PERFORM pg_catalog.set_config('lock_timeout', '200ms', true);
  FOR attempt IN 1 .. 150 LOOP
    BEGIN
      ALTER TABLE ${s}.job_attempt ADD COLUMN logs jsonb;
      COMMENT ON TABLE ${s}.job_attempt IS ${comment};
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_catalog.pg_sleep(0.2);
    END;
  END LOOP;
  RAISE EXCEPTION 'the table job_attempt was in use all the time; end the transactions that read it, then migrate again'
    USING ERRCODE = 'lock_not_available';
END
${quote};
`;
}
