/**
 * Fails when a finished row of docs/origin.md has no test that names it, and when a test names a row or promise that
 * does not exist. Prints the promises of docs/guarantees.md that no test names yet.
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { judge, readPromised } from './promises/promises.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');

const promised = readPromised(
  read('docs/origin.md'),
  read('docs/guarantees.md'),
  read('docs/finished.json'),
);
const paths = globSync(
  [
    'packages/*/src/**/*.test.ts',
    'test/**/*.test.ts',
    'test/**/*.test-d.ts',
    'test/telemetry/tracing-suite.ts',
    'examples/*/*.test.ts',
  ],
  {
    cwd: root,
    exclude: (path) => path.endsWith('node_modules') || path.startsWith('test/scripts'),
  },
);
const tests = new Map(paths.toSorted().map((path) => [path, read(path)]));
const { problems, unnamed } = judge(promised, tests);

for (const problem of problems) console.error(problem);
const { rows, promises, finished } = promised;
const named = promises.length - unnamed.length;
const missing = unnamed.length > 0 ? `, not yet ${unnamed.join(', ')}` : '';
console.log(
  `promises: ${finished.length} of ${rows.length} rows are finished; ${named} of ${promises.length} promises are named by tests${missing}`,
);
if (problems.length > 0) process.exitCode = 1;
