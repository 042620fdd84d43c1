/**
 * Packs the packages as they would be published, installs them into an empty project and runs them there on the oldest
 * supported Node.js and on the one of this project.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'millrace-packed-'));

const run = (command: string, args: readonly string[], cwd: string) =>
  execFileSync(command, args, { cwd, stdio: 'inherit' });

try {
  run(
    'npm',
    ['pack', '--silent', '--pack-destination', project, '-w', 'millrace', '-w', '@millrace/dev-db'],
    root,
  );
  const tarballs = readdirSync(project).map((name) => join(project, name));
  for (const tarball of tarballs) {
    console.log(`${tarball.split('/').at(-1)}: ${Math.round(statSync(tarball).size / 1024)} KiB`);
  }
  smoke(tarballs);
} finally {
  rmSync(project, { recursive: true, force: true });
}

function smoke(tarballs: readonly string[]): void {
  if (!existsSync(join(here, 'node_modules'))) run('npm', ['ci', '--ignore-scripts'], here);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs], project);
  cpSync(join(here, 'smoke.mjs'), join(project, 'smoke.mjs'));
  const oldest = join(here, `node_modules/node22-${process.platform}-${process.arch}/bin/node`);
  for (const node of [oldest, process.execPath]) run(node, ['smoke.mjs'], project);
  const installed = execFileSync(
    'du',
    ['-sk', 'node_modules/millrace', 'node_modules/pg', 'node_modules/croner'],
    {
      cwd: project,
      encoding: 'utf8',
    },
  );
  console.log(installed.trim());
}
