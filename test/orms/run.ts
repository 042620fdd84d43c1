/**
 * Runs the tests with the libraries whose transactions Millrace joins, on PostgreSQL 18 and on 15. Arguments go to vitest:
 * `npm run test:orms -- -t Prisma`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { installPrograms, runOn } from '../majors/programs.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const vitest = ['run', '--config', 'vitest.orms.config.ts', ...process.argv.slice(2)];

/** True when it passed. */
function run(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

if (!existsSync(`${here}node_modules`) && !run('npm', ['ci', '--ignore-scripts', '--prefix', here]))
  throw new Error('The libraries could not be installed.');
installPrograms();
const onNewest = run('vitest', vitest);
const onOldest = runOn(15, [...vitest, '--typecheck.enabled=false']);
if (!onNewest || !onOldest) throw new Error('Tests failed.');
