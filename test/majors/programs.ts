import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Installs the programs of the older PostgreSQL releases, unless that was done. */
export function installPrograms(): void {
  if (existsSync(`${here}node_modules`)) return;
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--prefix', here], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('The programs of the older releases could not be installed.');
}

/** Runs vitest on one of these releases; true when all tests passed, or when there are no programs for this machine. */
export function runOn(major: number, vitest: readonly string[]): boolean {
  const name = `pg${major}-${process.platform}-${process.arch}`;
  const binDir = `${here}node_modules/${name}/native/bin`;
  console.log(`\nPostgreSQL ${major}`);
  if (!existsSync(binDir)) {
    console.log(`skipped: npm has no programs of it for ${process.platform}-${process.arch}`);
    return true;
  }
  const { status } = spawnSync('vitest', vitest, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, MILLRACE_TEST_BIN_DIR: binDir, MILLRACE_TEST_MAJOR: String(major) },
    stdio: 'inherit',
  });
  return status === 0;
}
