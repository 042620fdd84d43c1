/**
 * Runs the tests with the SDKs of OpenTelemetry and Sentry, which are too large for the root. Arguments go to vitest:
 * `npm run test:telemetry -- -t Sentry`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folders = ['test/telemetry', 'examples/telemetry'];

/** Throws unless it passes. */
function run(command: string, ...args: readonly string[]): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`Failed: ${command} ${args.join(' ')}`);
}

for (const folder of folders) {
  if (!existsSync(`${root}${folder}/node_modules`))
    run('npm', 'ci', '--ignore-scripts', '--prefix', folder);
  run('tsc', '-p', folder);
}
run('vitest', 'run', '--config', 'vitest.telemetry.config.ts', ...process.argv.slice(2));
