/**
 * Runs all tests with coverage of every process that takes part, reports it in `coverage/`, and fails below what is
 * demanded. `--core` runs and judges the pure part alone, which needs seconds and no database. `--report` reports once
 * more what the last run gathered.
 */
import { globSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createCoverageMap } from '@vitest/istanbul-lib-coverage';
import { gathered } from './coverage/gathered.ts';
import { asItRuns, coverageOf } from './coverage/of-source.ts';
import { printSummary, shortfalls, writeReports, type Demand } from './coverage/report.ts';
import { ranTests } from './coverage/run-tests.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const raw = `${root}.cache/coverage`;
const coreFolder = 'packages/millrace/src/core';
const core: Demand = { below: `${coreFolder}/`, lines: 100, branches: 100 };
const whole: Demand = { below: 'packages/', lines: 92, branches: 0 };

const { values: options } = parseArgs({
  options: { core: { type: 'boolean' }, report: { type: 'boolean' } },
});
const [below, demands, only] = options.core
  ? [coreFolder, [core], [coreFolder]]
  : ['packages/*/src', [core, whole], []];

const isPure = options.core ?? false;
const passed = options.report === true || (await ranTests(raw, { only, isPure }));

// No file is left out: one that nothing loaded counts as one of which nothing ran.
const urls = globSync(`${below}/**/*.ts`, { cwd: root })
  .filter((path) => !path.endsWith('.test.ts'))
  .toSorted()
  .map((path) => pathToFileURL(root + path).href);
const sources = new Map(urls.map((url) => [url, asItRuns(url)]));
const ran = gathered(raw, sources);
const map = createCoverageMap();
for (const [url, code] of sources) map.merge(await coverageOf(url, code, ran.get(url)));

writeReports(map, `${root}coverage`);
printSummary(map, root);
const problems = shortfalls(map, root, demands);
for (const problem of problems) console.error(problem);
if (!passed) console.error('tests failed');
process.exitCode = passed && problems.length === 0 ? 0 : 1;
