import { setTimeout as sleep } from 'node:timers/promises';
import { DevDatabaseError } from './errors.ts';
import { isOwnerGone, writeOwner } from './owner.ts';
import { answers, readPidFile, type PidFile } from './pid-file.ts';
import type { Plan } from './plan.ts';
import { FolderBusy, Server } from './server.ts';

const pollMs = 50;
const waitTimeoutMs = 20_000;
/** A server notices within a second that its owner is gone; one that does not has lost its guard and stays. */
const orphanTimeoutMs = 3_000;

/**
 * Takes the server that has the folder, or starts one. While another process starts or stops there, waits for what
 * comes of it.
 */
export async function attachOrStart(plan: Plan): Promise<Server | PidFile> {
  const { dataDir } = plan.cluster;
  const begin = Date.now();
  for (let waitedMs = 0; waitedMs < waitTimeoutMs; waitedMs = Date.now() - begin) {
    const found = await look(dataDir, waitedMs);
    if (found === 'free') {
      const server = await tryStart(plan);
      if (server !== undefined) return server;
    } else if (found !== 'changing') {
      return found;
    }
    await sleep(pollMs);
  }
  throw new DevDatabaseError(
    'DEV_DB_START_FAILED',
    `Another PostgreSQL in ${dataDir} starts or stops since ${waitTimeoutMs / 1000} s.`,
  );
}

async function look(dataDir: string, waitedMs: number): Promise<'free' | 'changing' | PidFile> {
  const file = readPidFile(dataDir);
  if (file === undefined || !(await answers(file))) return 'free';
  if (!file.ready) return 'changing';
  return isOwnerGone(dataDir) && waitedMs < orphanTimeoutMs ? 'changing' : file;
}

async function tryStart(plan: Plan): Promise<Server | undefined> {
  try {
    const server = await Server.start(plan);
    writeOwner(plan.cluster.dataDir);
    return server;
  } catch (error) {
    if (error instanceof FolderBusy) return undefined;
    throw error;
  }
}
