import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findBinaries } from './binaries.ts';
import { prepareCluster, type Cluster } from './cluster.ts';
import { settingsOf, type DevDatabaseOptions } from './options.ts';
import { makeTemporaryDirectory, reachableDataDirectory } from './places.ts';
import { serverUser, type ServerUser } from './server-user.ts';

/** Everything that has to be known and to lie ready before a server starts. */
export interface Plan {
  readonly cluster: Cluster;
  readonly settings: Readonly<Record<string, string>>;
  /** 0 for any free one, undefined for no TCP. */
  readonly tcpPort: number | undefined;
  /** The folder that goes with an ephemeral server. */
  readonly temporary: string | undefined;
}

export async function makePlan(options: DevDatabaseOptions): Promise<Plan> {
  const user = serverUser();
  const temporary = options.ephemeral === true ? makeTemporaryDirectory(user) : undefined;
  try {
    const wanted = options.dataDir ?? join('.millrace', 'postgres');
    const dataDir =
      temporary === undefined ? reachableDataDirectory(wanted, user) : join(temporary, 'data');
    const cluster = await makeCluster(options, dataDir, user && (ownerOf(dataDir) ?? user));
    return { cluster, settings: settingsOf(options), tcpPort: options.port, temporary };
  } catch (error) {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

async function makeCluster(
  { binDir, ephemeral, fast }: DevDatabaseOptions,
  dataDir: string,
  user: ServerUser | undefined,
): Promise<Cluster> {
  const binaries = await findBinaries(binDir, user);
  const cluster = { dataDir, binaries, user, durable: fast !== true && ephemeral !== true };
  await prepareCluster(cluster);
  return cluster;
}

/** Root can serve a folder that an ordinary user made, by running the server as that user. */
function ownerOf(dataDir: string): ServerUser | undefined {
  const stat = statSync(dataDir, { throwIfNoEntry: false });
  return stat === undefined || stat.uid === 0 ? undefined : { uid: stat.uid, gid: stat.gid };
}
