/** What the figures depend on beside the code: for the results. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { nowMs } from './numbers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const packages = ['pg', 'graphile-worker', 'pg-boss', 'bullmq'];
const hashedBytes = Buffer.alloc(1_000_000);
const hashes = 40;

/** How long a fixed piece of work takes: a machine that drifts shows it here. */
export function calibrationMs(): number {
  const beganMs = nowMs();
  for (let at = 0; at < hashes; at++) createHash('sha256').update(hashedBytes).digest();
  return nowMs() - beganMs;
}

export function machine(): Record<string, string | number> {
  const [first] = cpus();
  return {
    processors: cpus().length,
    model: first?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
  };
}

export function versions(postgresql: string, redis: string | undefined): Record<string, string> {
  const installed = packages.flatMap((name) => {
    const version =
      versionIn(`${here}node_modules/${name}`) ?? versionIn(`${root}node_modules/${name}`);
    return version === undefined ? [] : [[name, version] as const];
  });
  return {
    millrace: versionIn(`${root}packages/millrace`) ?? 'unknown',
    node: process.versions.node,
    postgresql,
    ...(redis !== undefined && { redis }),
    ...Object.fromEntries(installed),
  };
}

function versionIn(folder: string): string | undefined {
  const file = `${folder}/package.json`;
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** The commit that was measured; with a `+` when the tree differed from it. */
export function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const changes = git('status', '--porcelain', '--untracked-files=no');
  return git('rev-parse', '--short=12', 'HEAD') + (changes === '' ? '' : '+');
}
