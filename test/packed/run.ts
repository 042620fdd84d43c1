/**
 * Packs the packages as they would be published, installs them into empty projects, and runs the tests of this folder on
 * what is there. Arguments go to vitest: `npm run test:packed -- -t jest`.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packedFolder, tarballsIn } from './packed.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'millrace-packed-'));

function run(cwd: string, command: string, ...args: readonly string[]): void {
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status !== 0) throw new Error(`Failed: ${command} ${args.join(' ')}`);
}

/** Links do for the tools of a project; what is published is really installed. */
const tools = [
  '@bufbuild',
  '@openfeature',
  '@opentelemetry',
  // Not those of `pg`: whoever only uses Millrace has none, and must not need them.
  '@types/node',
  'jest',
  'prom-client',
  'typescript-5.9',
  'typescript-6.0',
  'typescript-7.0',
  'valibot',
  'vitest',
  'zod',
];

function makeProject(name: string, ...tarballs: readonly string[]): string {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  run(project, 'npm', 'install', '--silent', '--ignore-scripts', '--no-audit', ...tarballs);
  return project;
}

function isInstalled(): boolean {
  const [lock, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map((name) =>
    statSync(join(here, name), { throwIfNoEntry: false }),
  );
  return lock !== undefined && installed !== undefined && lock.mtimeMs <= installed.mtimeMs;
}

try {
  run(root, 'npm', 'pack', '--silent', '--pack-destination', folder, '-w', 'millrace');
  run(root, 'npm', 'pack', '--silent', '--pack-destination', folder, '-w', '@millrace/dev-db');
  if (!isInstalled()) run(here, 'npm', 'ci', '--ignore-scripts');
  const { millrace, devDb } = tarballsIn(folder);
  makeProject('alone', millrace);
  const consumer = makeProject('consumer', millrace, devDb);
  cpSync(join(here, 'consumer'), consumer, { recursive: true });
  for (const tool of tools) {
    const link = join(consumer, 'node_modules', tool);
    if (existsSync(link)) throw new Error(`${tool} comes with the packages`);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(here, 'node_modules', tool), link);
  }
  process.env[packedFolder] = folder;
  run(root, 'vitest', 'run', '--config', 'vitest.packed.config.ts', ...process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
