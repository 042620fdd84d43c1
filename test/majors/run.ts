/**
 * Runs the integration tests once for each PostgreSQL release from 14 to 17; `npm test` covers 18. Arguments go to
 * vitest: `npm run test:majors -- storage`.
 */
import { installPrograms, runOn } from './programs.ts';

/** What breaks around a server is the same in each release, as is what asks nothing new of it. */
const sameEverywhere = [
  'bundle',
  'cli',
  'exactly-once',
  'hospitality',
  'import-graph',
  'loop-watch',
  'readme',
  'supervisor',
  'telemetry-files',
  'test-databases',
  'worker-stop',
];

/** What asks each statement of the server; the rest asks the same ones again. */
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

const everything = ['test/integration'];
/** What an old release lacks shows at the oldest; the ones up to the newest have each statement tried. */
const chosen: Readonly<Record<number, readonly string[]>> = {
  14: everything,
  15: paths(statements),
  16: paths(statements),
  17: paths(statements),
};

installPrograms();
const given = process.argv.slice(2);
const failed = Object.keys(chosen).filter((major) => {
  const files = given.length > 0 ? given : (chosen[Number(major)] ?? []);
  const excluded = paths(sameEverywhere).map((path) => `--exclude=${path}*`);
  return !runOn(Number(major), ['run', '--typecheck.enabled=false', ...excluded, ...files]);
});
if (failed.length > 0) throw new Error(`Tests failed on PostgreSQL ${failed.join(', ')}.`);
