/**
 * Writes docs/lifecycle.md from the one table of a job's life. With `--check` it writes nothing and fails when the file
 * differs from what it would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { lifecycleDocument } from './lifecycle/document.ts';

const file = fileURLToPath(new URL('../docs/lifecycle.md', import.meta.url));
const document = lifecycleDocument();

if (!process.argv.includes('--check')) {
  writeFileSync(file, document);
} else if (readFileSync(file, 'utf8') !== document) {
  console.error('docs/lifecycle.md is stale: run `npm run docs:lifecycle`');
  process.exitCode = 1;
}
