import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DevDatabaseError } from './errors.ts';

/**
 * Whom the server runs as. PostgreSQL refuses to run as root, so root's servers run as `postgres` or, where there is no
 * such user, as `nobody`; everybody else's run as themselves (`undefined`).
 */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

const overflowId = 65_534;

export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = lookUp('postgres') ?? lookUp('nobody') ?? { uid: overflowId, gid: overflowId };
  if (canEnter('/', user)) return user;
  throw new DevDatabaseError(
    'DEV_DB_ROOT_ONLY',
    `PostgreSQL does not run as root, and root may not become user ${user.uid} here.`,
  );
}

function lookUp(name: string): ServerUser | undefined {
  const id = (flag: string) =>
    Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

/**
 * Asks the system itself, as that user, because modes alone do not tell: access lists, mount options and name spaces
 * have a say too.
 */
function passes(test: string, path: string, user: ServerUser | undefined): boolean {
  const { status } = spawnSync('sh', ['-c', test, 'sh', path], {
    ...user,
    cwd: '/',
    stdio: 'ignore',
  });
  return status === 0;
}

export function canExecute(file: string, user: ServerUser | undefined): boolean {
  return passes('test -x "$1"', file, user);
}

export function canEnter(directory: string, user: ServerUser | undefined): boolean {
  return passes('cd "$1"', directory, user);
}

export function canWrite(directory: string, user: ServerUser | undefined): boolean {
  return passes('cd "$1" && test -w "$1"', directory, user);
}

export function giveTo(user: ServerUser | undefined, path: string): void {
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}

export function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

/** A strict umask of root must not lock the user of the server out of the folders that root makes for it. */
export function makeDirectory(path: string, user: ServerUser | undefined): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path), user);
  mkdirSync(path, { recursive: true });
  if (user !== undefined) chmodSync(path, 0o755);
}

export function makeTreeReadable(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) makeTreeReadable(path);
    else if (entry.isFile()) chmodSync(path, dirname(path).endsWith('/bin') ? 0o755 : 0o644);
  }
}
