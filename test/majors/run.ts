/**
 * Runs the integration tests once for each PostgreSQL release from 14 to 17; `npm test` covers 18. Arguments go to
 * vitest: `npm run test:majors -- storage`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const majors = [14, 15, 16, 17];
const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const vitest = [
  'run',
  '--typecheck.enabled=false',
  '--exclude=packages/**',
  '--exclude=test/dev-db/**',
];

function install(): void {
  if (existsSync(`${here}node_modules`)) return;
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--prefix', here], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('The programs of the older releases could not be installed.');
}

function runOn(major: number): boolean {
  const name = `pg${major}-${process.platform}-${process.arch}`;
  const binDir = `${here}node_modules/${name}/native/bin`;
  console.log(`\nPostgreSQL ${major}`);
  if (!existsSync(binDir)) {
    console.log(`skipped: npm has no programs of it for ${process.platform}-${process.arch}`);
    return true;
  }
  const { status } = spawnSync('vitest', [...vitest, ...process.argv.slice(2)], {
    cwd: root,
    env: { ...process.env, MILLRACE_TEST_BIN_DIR: binDir, MILLRACE_TEST_MAJOR: String(major) },
    stdio: 'inherit',
  });
  return status === 0;
}

install();
const failed = majors.filter((major) => !runOn(major));
if (failed.length > 0) throw new Error(`Tests failed on PostgreSQL ${failed.join(', ')}.`);
