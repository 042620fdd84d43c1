import { quoteText, type Names } from '../names.ts';
import { patiently } from './patiently.ts';

/** The lines of an attempt that are kept lie beside its error. */
export function attemptLogs(names: Names): string {
  const comment = quoteText(
    'Attempts that did not complete, and those whose lines are kept; rows are only added, and dropped by the day.',
  );
  const table = `${names.schema}.job_attempt`;
  return patiently(
    names,
    'job_attempt',
    `ALTER TABLE ${table} ADD COLUMN logs jsonb;
      COMMENT ON TABLE ${table} IS ${comment};`,
  );
}
