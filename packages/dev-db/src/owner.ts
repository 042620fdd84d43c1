import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from './pid-file.ts';

/**
 * The process whose end stops the server. A second process reads it before it attaches: between the death of the owner
 * and the end of the server there is a moment in which the server still answers.
 */
const fileOf = (dataDir: string) => join(dataDir, 'millrace.owner');

export function writeOwner(dataDir: string): void {
  writeFileSync(fileOf(dataDir), `${process.pid}\n`);
}

export function removeOwner(dataDir: string): void {
  rmSync(fileOf(dataDir), { force: true });
}

/** False also for a server that was started by other means and has no owner. */
export function isOwnerGone(dataDir: string): boolean {
  try {
    return !isAlive(Number(readFileSync(fileOf(dataDir), 'utf8')));
  } catch {
    return false;
  }
}
