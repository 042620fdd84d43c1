import { createHash } from 'node:crypto';
import { mkdtempSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { DevDatabaseError } from './errors.ts';
import {
  canEnter,
  canWrite,
  giveTo,
  makeDirectory,
  nearestExisting,
  type ServerUser,
} from './server-user.ts';

/** The smallest limit among the systems: 103 bytes on macOS, 107 on Linux. */
const socketPathMaxBytes = 103;

/** A folder that outlives the process, that we can write and the user of the server can enter. */
export function cacheDirectory(user: ServerUser | undefined): string {
  const wanted = process.env['MILLRACE_CACHE_DIR'];
  const places = wanted === undefined ? usualCaches() : [resolve(wanted)];
  const found = places.find((place) => isUsableCache(place, user));
  if (found !== undefined) return found;
  throw new DevDatabaseError(
    'DEV_DB_NO_CACHE_DIR',
    `None of these folders can hold a copy of PostgreSQL: ${places.join(', ')}.`,
  );
}

function usualCaches(): string[] {
  const uid = process.getuid?.() ?? 0;
  const temporary = join(tmpdir(), `millrace-cache-${uid}`);
  if (uid === 0) return ['/var/cache/millrace', temporary];
  return [join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace'), temporary];
}

function isUsableCache(place: string, user: ServerUser | undefined): boolean {
  try {
    makeDirectory(place, user);
    const { uid, mode } = statSync(place);
    // Programs are run from here: nobody else may be able to put some there.
    return uid === process.getuid?.() && (mode & 0o022) === 0 && canEnter(place, user);
  } catch {
    return false;
  }
}

/**
 * Root's server runs as another user, who cannot enter a project below `/root`: its data goes to the cache then, under
 * a name that is always the same for that project.
 */
export function reachableDataDirectory(wanted: string, user: ServerUser | undefined): string {
  const path = resolve(wanted);
  if (user === undefined || canEnter(nearestExisting(dirname(path)), user)) return path;
  const mark = createHash('sha256').update(path).digest('hex').slice(0, 12);
  return join(cacheDirectory(user), 'data', `${basename(path)}-${mark}`);
}

/** The user of the server has to be able to remove the folder itself: we may be dead by then. */
export function makeTemporaryDirectory(user: ServerUser | undefined): string {
  const short = (place: string) => Buffer.byteLength(place) < socketPathMaxBytes / 2;
  const parent =
    [tmpdir(), '/tmp'].find((place) => short(place) && canWrite(place, user)) ?? '/tmp';
  const directory = mkdtempSync(join(parent, 'millrace-'));
  giveTo(user, directory);
  return directory;
}

export function socketPath(directory: string, port: number): string {
  return join(directory, `.s.PGSQL.${port}`);
}

export function isTooLongForSockets(directory: string): boolean {
  return Buffer.byteLength(socketPath(directory, 65_535)) > socketPathMaxBytes;
}
