/** Where `run.ts` has put what the tests of this folder use. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

/** The variable that names the folder. */
export const packedFolder = 'MILLRACE_PACKED';

/** The packed packages, `alone/` where only `millrace` is installed, and `consumer/` with all that a project may have. */
export function pathIn(...names: readonly string[]): string {
  const folder = process.env[packedFolder];
  if (folder === undefined) throw new Error('Run `npm run test:packed`, which packs and installs.');
  return join(folder, ...names);
}

export function tarballsIn(folder: string): { readonly millrace: string; readonly devDb: string } {
  const [devDb, millrace] = ['millrace-dev-db-*.tgz', 'millrace-[0-9]*.tgz'].map((pattern) =>
    globSync(pattern, { cwd: folder }),
  );
  if (devDb?.[0] === undefined || millrace?.[0] === undefined)
    throw new Error(`There are no packed packages in ${folder}.`);
  return { millrace: join(folder, millrace[0]), devDb: join(folder, devDb[0]) };
}

const released = (name: string) =>
  join(import.meta.dirname, `node_modules/${name}-${process.platform}-${process.arch}/bin/node`);

/** The oldest supported Node.js, the one of this project, and the newest. */
export const nodes: Readonly<Record<string, string>> = {
  '22.18': released('node22'),
  '24': process.execPath,
  '26': released('node26'),
};

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command needs of the environment to find programs, room and the registry; nothing else of this run. */
const kept =
  /^(PATH|HOME|TMPDIR|NODE_EXTRA_CA_CERTS|.*_proxy|npm_config_(registry|cache|userconfig))$/i;

export function packedEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => kept.test(name));
  return { ...Object.fromEntries(own), ...more };
}

/** Runs a command in a folder of those. */
export function runIn(
  folder: string,
  command: string,
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Ended {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    env: packedEnv(more),
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}
