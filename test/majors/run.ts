/**
 * Runs the integration tests once for each PostgreSQL release from 14 to 17; `npm test` covers 18. Arguments go to
 * vitest: `npm run test:majors -- storage`.
 */
import { installPrograms, runOn } from './programs.ts';

const majors = [14, 15, 16, 17];
// What breaks around a server is the same in each release, as is what asks nothing new of it.
const chosen = process.argv.length > 2 ? process.argv.slice(2) : ['test/integration'];
const sameEverywhere = [
  'bundle',
  'cli',
  'hospitality',
  'import-graph',
  'loop-watch',
  'readme',
  'supervisor',
  'telemetry-files',
];
const vitest = [
  'run',
  '--typecheck.enabled=false',
  ...sameEverywhere.map((name) => `--exclude=test/integration/${name}*`),
  ...chosen,
];

installPrograms();
const failed = majors.filter((major) => !runOn(major, vitest));
if (failed.length > 0) throw new Error(`Tests failed on PostgreSQL ${failed.join(', ')}.`);
