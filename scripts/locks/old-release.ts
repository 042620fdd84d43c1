import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../..');

/** A folder in which an older release is installed. */
export interface OldRelease extends Disposable {
  readonly folder: string;
  /** The module that `import 'millrace'` leads to there. */
  readonly main: string;
}

/** Makes a project that has an older release installed, with the dependencies of this one. */
export function installOldRelease(tarball: string): OldRelease {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-upgrade-'));
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  execFileSync('tar', ['xzf', join(repository, 'test/upgrade', tarball), '-C', folder]);
  renameSync(join(folder, 'package'), join(modules, 'millrace'));
  for (const name of ['pg', 'croner', 'commander']) {
    symlinkSync(join(repository, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  return {
    folder,
    main: join(modules, 'millrace/dist/index.js'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
