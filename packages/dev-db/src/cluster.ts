import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './binaries.ts';
import { serverEnvironment } from './environment.ts';
import { DevDatabaseError, systemCode } from './errors.ts';
import { giveTo, makeDirectory, type ServerUser } from './server-user.ts';

const passwordFile = 'millrace.password';
const firstMajorWithBuiltinLocale = 17;

export interface Cluster {
  readonly dataDir: string;
  readonly binaries: Binaries;
  readonly user: ServerUser | undefined;
  /** Whether the files must survive a power cut. */
  readonly durable: boolean;
}

/** Makes the data folder ready for a server, unless it is. */
export async function prepareCluster(cluster: Cluster): Promise<void> {
  try {
    if (!isCluster(cluster.dataDir)) await createCluster(cluster);
  } catch (cause) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes(systemCode(cause) ?? '')) throw cause;
    const message = `This user may not read and write the folder ${cluster.dataDir}.`;
    throw new DevDatabaseError('DEV_DB_DATA_DIR_FORBIDDEN', message, { cause });
  }
  requireSameMajor(cluster);
}

/** The password that protects the TCP port; undefined for a folder that this package did not create. */
export function readPassword(dataDir: string): string | undefined {
  const file = join(dataDir, passwordFile);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

function isCluster(dataDir: string): boolean {
  if (!existsSync(dataDir)) return false;
  const names = readdirSync(dataDir);
  if (names.includes('PG_VERSION')) return true;
  if (names.length === 0) return false;
  throw new DevDatabaseError(
    'DEV_DB_DATA_DIR_INVALID',
    `The folder ${dataDir} holds files that do not belong to a database.`,
  );
}

/**
 * The folder appears under its name when it is complete, so two processes that start at once, or one that is killed
 * half-way, never leave half a database there.
 */
async function createCluster(cluster: Cluster): Promise<void> {
  const { dataDir, user } = cluster;
  makeDirectory(dirname(dataDir), user);
  const staging = mkdtempSync(`${dataDir}.new-`);
  try {
    await runInitdb(cluster, staging);
    renameSync(join(staging, 'data'), dataDir);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw error;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

async function runInitdb(
  { binaries: { binDir, major }, user, durable }: Cluster,
  staging: string,
): Promise<void> {
  const data = join(staging, 'data');
  const password = join(staging, 'password');
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  for (const path of [staging, data, password]) giveTo(user, path);
  const args = [
    '-D',
    data,
    '-U',
    'postgres',
    '-E',
    'UTF8',
    '--no-instructions',
    ...localeOf(major),
  ];
  args.push('--auth-local=trust', '--auth-host=scram-sha-256', `--pwfile=${password}`);
  if (!durable) args.push('--no-sync');
  try {
    await promisify(execFile)(join(binDir, 'initdb'), args, {
      ...user,
      cwd: '/',
      env: serverEnvironment(),
    });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new DevDatabaseError('DEV_DB_INIT_FAILED', `initdb failed: ${detail}`, { cause });
  }
  renameSync(password, join(data, passwordFile));
}

/** The same order and case rules on every machine; only the older releases need the system to know C.UTF-8. */
function localeOf(major: number): string[] {
  if (major < firstMajorWithBuiltinLocale) {
    return [`--locale=${process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8'}`];
  }
  return ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
}

function requireSameMajor({ dataDir, binaries }: Cluster): void {
  const found = Number(readFileSync(join(dataDir, 'PG_VERSION'), 'utf8'));
  if (found === binaries.major) return;
  throw new DevDatabaseError(
    'DEV_DB_VERSION_MISMATCH',
    `The folder ${dataDir} was made by PostgreSQL ${found}; the programs are of release ${binaries.major}.`,
  );
}
