/**
 * Copies the files of docs/examples into the documents that show them. With `--check` it writes nothing and fails where a
 * document differs from what it would write.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withBlocks } from './docs/blocks.ts';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const shown = new Set<string>();

const read = (file: string) => {
  shown.add(file);
  return readFileSync(join(docs, 'examples', file), 'utf8');
};

const problems: string[] = [];
for (const name of globSync('{*,guides/*,concepts/*}.md', { cwd: docs })) {
  const file = join(docs, name);
  const document = readFileSync(file, 'utf8');
  try {
    const fresh = withBlocks(document, read);
    if (fresh === document) continue;
    if (process.argv.includes('--check'))
      problems.push(`${name} is stale: run \`npm run docs:blocks\``);
    else writeFileSync(file, fresh);
  } catch (error) {
    problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
for (const example of globSync('**/*.ts', { cwd: join(docs, 'examples') })) {
  if (!shown.has(example)) problems.push(`docs/examples/${example} is shown by no document`);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
