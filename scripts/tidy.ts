/**
 * Checks what no compiler and no linter knows: who may import whom, where SQL and clocks may stand, how long things may
 * get, what may be depended on. The rules are data in `tidy/house.ts`.
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { contentProblems } from './tidy/contents.ts';
import { dependencyProblems } from './tidy/dependencies.ts';
import { importProblems } from './tidy/imports.ts';
import type { Tree } from './tidy/problem.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const written = [
  '*.ts',
  '{packages,scripts,test,examples,bench}/**/*.ts',
  '{,packages/*/}package.json',
];
const notWritten = /(?:^|\/)(?:node_modules|dist|gen)(?:\/|$)/;

const paths = globSync(written, { cwd: root, exclude: (path) => notWritten.test(path) });
const tree: Tree = new Map(
  paths.toSorted().map((path) => [path, readFileSync(`${root}${path}`, 'utf8')]),
);
const problems = [...importProblems(tree), ...contentProblems(tree), ...dependencyProblems(tree)];

for (const { path, line, message } of problems) {
  console.error(`${path}${line === 0 ? '' : `:${line}`}: ${message}`);
}
console.log(`tidy: ${tree.size} files, ${problems.length} problems`);
if (problems.length > 0) process.exitCode = 1;
