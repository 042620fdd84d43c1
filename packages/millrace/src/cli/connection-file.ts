import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { dirname, join, resolve } from 'node:path';

/** Where the files of `millrace dev` lie, below the working directory. */
export const devDirectory = '.millrace';

const fileName = join(devDirectory, 'connection.json');

/** How other commands in this directory reach the database of a running `millrace dev`. */
interface Connection {
  readonly url: string;
  /** For a look whether anybody still listens. */
  readonly address: NetConnectOpts;
}

/** Writes the file that tells other commands; the returned function removes it. */
export function announceConnection(connection: Connection): () => void {
  const path = resolve(fileName);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(join(dirname(path), '.gitignore'), '*\n');
  // It may hold a password.
  writeFileSync(path, `${JSON.stringify(connection, null, 2)}\n`, { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/** Sets DATABASE_URL to the database of a `millrace dev` that runs in this directory, unless it is set. */
export async function adoptConnection(): Promise<void> {
  if ((process.env['DATABASE_URL'] ?? '') !== '') return;
  const connection = readConnection();
  if (connection !== undefined && (await answers(connection.address))) {
    process.env['DATABASE_URL'] = connection.url;
  }
}

function readConnection(): Connection | undefined {
  try {
    return JSON.parse(readFileSync(fileName, 'utf8')) as Connection;
  } catch {
    // Absent, or left half-written by a process that was killed: as good as none.
    return undefined;
  }
}

function answers(address: NetConnectOpts): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(address);
    const done = (answer: boolean) => {
      socket.destroy();
      settle(answer);
    };
    socket.once('connect', () => done(true)).once('error', () => done(false));
  });
}
