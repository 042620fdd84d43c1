/**
 * Runs the tests of all statements once for each PostgreSQL release from 14 to 17; `npm test` covers 18. Arguments go to
 * vitest: `npm run test:majors -- test/integration` runs them all.
 */
import { installPrograms, runOn } from './programs.ts';

/** What asks each statement of the server; the rest of `npm test` asks the same ones again. */
const statements = [
  'doctor',
  'enqueue',
  'fences',
  'history',
  'job-',
  'migrations',
  'operate',
  'overview',
  'pauses',
  'plans',
  'roles',
  'schedule',
  'schema',
  'sql-interface',
  'storage',
  'transaction',
  'why',
];

const paths = (names: readonly string[]) => names.map((name) => `test/integration/${name}`);

const majors = [14, 15, 16, 17];

installPrograms();
const given = process.argv.slice(2);
const files = given.length > 0 ? given : paths(statements);
const failed = majors.filter(
  (major) => !runOn(major, ['run', '--typecheck.enabled=false', ...files]),
);
if (failed.length > 0) throw new Error(`Tests failed on PostgreSQL ${failed.join(', ')}.`);
