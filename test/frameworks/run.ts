/** Installs, checks and builds the examples with web frameworks, then tests them over HTTP. Arguments go to vitest. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { frameworks } from './frameworks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`Failed: ${command} ${args.join(' ')}`);
}

run('npm', 'run', '--silent', 'build');
for (const { folder, built } of frameworks) {
  if (!existsSync(join(root, folder, 'node_modules')))
    run('npm', 'ci', '--ignore-scripts', '--silent', '--prefix', folder);
  if (built) run('npm', 'run', '--silent', 'build', '--prefix', folder);
}
run('tsc', '-p', 'examples/frameworks');
run(
  'oxlint',
  '-c',
  'examples/frameworks/oxlint.json',
  '--type-aware',
  '--deny-warnings',
  'examples/frameworks',
);
run('vitest', 'run', '--config', 'vitest.frameworks.config.ts', ...process.argv.slice(2));
