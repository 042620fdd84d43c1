/**
 * Writes the documents that are made of the sources. With `--check` it writes nothing and fails where a file differs from
 * what it would write.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createProgram } from '../packages/millrace/src/cli/program.ts';
import { commandReference } from './reference/commands.ts';
import { errorReference } from './reference/errors.ts';
import { lifecycleDocument } from './reference/lifecycle.ts';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const documents = {
  'lifecycle.md': lifecycleDocument(),
  'reference/commands.md': commandReference(createProgram()),
  'reference/errors.md': errorReference(),
};

for (const [name, document] of Object.entries(documents)) {
  const file = join(docs, name);
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, document);
  } else if (readFileSync(file, 'utf8') !== document) {
    console.error(`docs/${name} is stale: run \`npm run docs:reference\``);
    process.exitCode = 1;
  }
}
