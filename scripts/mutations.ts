/**
 * Breaks each fence and each lock of the statements once, in a copy of the project, and runs the test that must notice.
 * Fails when a clause is not found, when a test fails without any mutation, and when one passes with its mutation. Words
 * choose the mutations whose file or statement they name. `--document` writes docs/mutations.md instead.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fileOf, mutated } from './mutations/apply.ts';
import { mutationsDocument } from './mutations/document.ts';
import type { TestName } from './mutations/clause.ts';
import { mutations } from './mutations/mutations.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = `${root}.cache/mutations/`;
const notCopied = new Set(['.git', '.cache', '.millrace']);

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Linked, not copied: only what is mutated gets a file of its own. */
function makeCopy(): void {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  const entries = readdirSync(root).filter((name) => !notCopied.has(name));
  execFileSync('cp', ['-al', ...entries.map((name) => root + name), copy]);
}

function write(path: string, text: string): void {
  rmSync(copy + path);
  writeFileSync(copy + path, text);
}

/** What came of a test in the copy. */
function run({ file, name }: TestName): { outcome: 'passed' | 'failed' | 'broken'; why: string } {
  const output = `${copy}.cache/report.json`;
  rmSync(output, { force: true });
  const options = ['--reporter=json', `--outputFile=${output}`, '--typecheck.enabled=false'];
  const pattern = name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const words = ['run', ...options, file, '--testNamePattern', pattern];
  spawnSync(`${copy}node_modules/.bin/vitest`, words, { cwd: copy, stdio: 'ignore' });
  const report = JSON.parse(readFileSync(output, 'utf8')) as Report;
  const tests = report.testResults.flatMap((one) => one.assertionResults);
  const why = tests.flatMap((one) => one.failureMessages).join('\n');
  if (/syntax error|does not exist|could not determine/.test(why))
    return { outcome: 'broken', why };
  const failed = tests.some((one) => one.status === 'failed' && one.fullName.includes(name));
  if (failed) return { outcome: 'failed', why };
  const passed = report.numPassedTests > 0;
  return { outcome: passed ? 'passed' : 'broken', why: report.testResults[0]?.message ?? '' };
}

function main(words: readonly string[]): number {
  const chosen = mutations.filter(
    ({ file, statement }) =>
      words.length === 0 || words.includes(file) || words.includes(statement),
  );
  makeCopy();
  let problems = 0;
  const tell = (isGood: boolean, text: string) => {
    console.log(`${isGood ? 'ok    ' : 'WRONG '} ${text}`);
    if (!isGood) problems += 1;
  };
  const tests = new Map(chosen.map(({ test }) => [test.file + test.name, test]));
  for (const test of tests.values())
    tell(run(test).outcome === 'passed', `without a mutation: ${test.name}`);
  for (const mutation of chosen) {
    const path = fileOf(mutation);
    const source = readFileSync(root + path, 'utf8');
    const { statement, clause, becomes, test } = mutation;
    write(path, mutated(source, mutation));
    const { outcome, why } = run(test);
    write(path, source);
    const what = `${statement}: ${clause} → ${becomes === '' ? 'gone' : becomes}`;
    tell(
      outcome === 'failed',
      `${what}: the test ${outcome}${outcome === 'broken' ? `\n${why}` : ''}`,
    );
  }
  rmSync(copy, { recursive: true });
  console.log(`${chosen.length} mutations, ${problems} problems`);
  return problems === 0 ? 0 : 1;
}

if (process.argv.includes('--document'))
  writeFileSync(`${root}docs/mutations.md`, mutationsDocument());
else process.exitCode = main(process.argv.slice(2));
