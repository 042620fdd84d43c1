/**
 * Makes every mutant of `core/` by Stryker and runs the unit tests that reach it. Fails when one survives of which
 * `mutants/survivors.ts` does not say why. Words choose files; what was found before holds while neither the mutant nor
 * its tests change. `--document` writes docs/mutants.md of the last run.
 */
import { globSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { mutantsDocument } from './mutants/document.ts';
import { readResults } from './mutants/report.ts';
import { runMutants } from './mutants/run.ts';
import { reasonOf } from './mutants/survivors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = '.cache/mutants';
const report = `${root}${folder}/report.json`;
const words = process.argv.slice(2);

if (words.includes('--document')) {
  const date = statSync(report).mtime.toISOString().slice(0, 10);
  writeFileSync(`${root}docs/mutants.md`, mutantsDocument(readResults(report), reasonOf, date));
} else {
  process.chdir(root);
  const files = globSync('packages/millrace/src/core/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts'))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(`/${word}`)));
  await runMutants(files, folder);
  const results = readResults(report);
  for (const { file, killed, timedOut, survivors } of results)
    console.log(`${file}: ${killed} killed, ${timedOut} timed out, ${survivors.length} survived`);
  const unknown = results
    .flatMap(({ survivors }) => survivors)
    .filter((survivor) => reasonOf(survivor) === undefined);
  for (const { file, line, code, becomes } of unknown)
    console.error(`survived: ${file}:${line}: ${code} → ${becomes}`);
  process.exitCode = unknown.length === 0 ? 0 : 1;
}
