import { quoteText } from '../names.ts';
import { statement } from './statement.ts';

/**
 * Sets how long the next statement of the transaction may take. A small table is read to its end on the busiest machine; in
 * a large one only rows that wait for vacuum take long, and may be any number.
 */
export const boundLook = statement(
  'bound_look',
  (s) => `
SELECT pg_catalog.set_config('statement_timeout', CASE
  WHEN pg_catalog.pg_relation_size(${quoteText(`${s}.job`)}::pg_catalog.regclass) < 64 * 1024 * 1024 THEN '10s' ELSE '200ms' END, true)`,
);
