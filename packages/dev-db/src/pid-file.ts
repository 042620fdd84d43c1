import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DevDatabaseError, systemCode } from './errors.ts';
import { socketPath } from './places.ts';

/** What PostgreSQL writes into `postmaster.pid` of its data folder, one fact on each line. */
export interface PidFile {
  readonly pid: number;
  readonly port: number;
  readonly socketDir: string;
  readonly listensOnTcp: boolean;
  readonly ready: boolean;
}

/** Undefined when no server has the folder, or when the one that had it is gone without tidying up. */
export function readPidFile(dataDir: string): PidFile | undefined {
  const lines = readLines(join(dataDir, 'postmaster.pid'));
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
  return {
    pid,
    port: Number(lines[3]),
    socketDir: lines[4] ?? '',
    listensOnTcp: (lines[5] ?? '') !== '',
    ready: lines[7]?.trim() === 'ready',
  };
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return [];
    throw new DevDatabaseError('DEV_DB_DATA_DIR_FORBIDDEN', `This user may not read ${file}.`, {
      cause,
    });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** After a restart of the machine the number in the file may belong to another program, so only an answer counts. */
export function answers({ socketDir, port }: PidFile): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath(socketDir, port));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
