import { attachOrStart } from './attach-or-start.ts';
import { readPassword } from './cluster.ts';
import { DevDatabaseError } from './errors.ts';
import { checkOptions, type DevDatabaseOptions } from './options.ts';
import { removeOwner } from './owner.ts';
import type { PidFile } from './pid-file.ts';
import { makePlan, type Plan } from './plan.ts';
import { Server, type StopMode } from './server.ts';

/** A running PostgreSQL server. */
export interface DevDatabase extends AsyncDisposable {
  /** A connection string to the database `postgres`, for `pg` and everything that builds on it. */
  readonly url: string;
  /** The folder of the socket. */
  readonly socketDir: string;
  readonly dataDir: string;
  /** The TCP port on 127.0.0.1; undefined when the server has only a socket. */
  readonly port: number | undefined;
  /** The process of the server; another one after `restart()`. */
  readonly pid: number;
  /** True when another process started this server: it lives as long as that process. */
  readonly attached: boolean;
  /** The connection string to another database of this server. */
  urlFor(database: string): string;
  /**
   * Stops the server and, when it is ephemeral, removes its data; safe to call twice. `'smart'` waits until all clients
   * have gone, `'fast'` (the default) disconnects them, `'immediate'` leaves the recovery to the next start. Leaves a
   * server alone that another process started.
   */
  stop(mode?: StopMode): Promise<void>;
  /**
   * Sends a signal to the server, as a test of what happens then. Resolves when the server has ended, or at once for a
   * signal that does not end it.
   */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts the server again on the same data and the same `url`, also after it was killed. */
  restart(): Promise<void>;
}

/**
 * Starts a PostgreSQL server that ends with this process, however this process ends. A server that already runs on the
 * same folder is shared.
 *
 * @example
 *   await using database = await startDevDatabase({ ephemeral: true, fast: true });
 *   const pool = new pg.Pool({ connectionString: database.url });
 *
 * @throws {@link DevDatabaseError} with a stable `code`.
 */
export async function startDevDatabase(options: DevDatabaseOptions = {}): Promise<DevDatabase> {
  if (process.platform === 'win32') {
    throw new DevDatabaseError('DEV_DB_PLATFORM_UNSUPPORTED', 'Windows is not supported yet.');
  }
  checkOptions(options);
  const plan = await makePlan(options);
  const found = await attachOrStart(plan);
  return found instanceof Server ? handleOfStarted(plan, found) : handleOfRunning(plan, found);
}

function handleOfStarted({ cluster: { dataDir }, tcpPort }: Plan, server: Server): DevDatabase {
  const port = tcpPort === undefined ? undefined : server.port;
  const place = { dataDir, socketDir: server.socketDir, port };
  let stopped: Promise<void> | undefined;
  const stop = (mode: StopMode = 'fast') => (stopped ??= stopOwned(dataDir, server, mode));
  return {
    ...place,
    url: urlOf(place, 'postgres'),
    attached: false,
    get pid() {
      return server.pid;
    },
    urlFor: (database) => urlOf(place, database),
    stop,
    kill: (signal) => server.kill(signal),
    async restart() {
      if (stopped !== undefined) {
        throw new DevDatabaseError('DEV_DB_STOPPED', 'The server was stopped for good.');
      }
      await server.restart();
    },
    [Symbol.asyncDispose]: () => stop(),
  };
}

async function stopOwned(dataDir: string, server: Server, mode: StopMode): Promise<void> {
  await server.stop(mode);
  removeOwner(dataDir);
}

function handleOfRunning({ cluster: { dataDir }, tcpPort }: Plan, file: PidFile): DevDatabase {
  const port = file.listensOnTcp ? file.port : undefined;
  if (tcpPort !== undefined && (port === undefined || (tcpPort !== 0 && tcpPort !== port))) {
    throw new DevDatabaseError(
      'DEV_DB_PORT_MISMATCH',
      `The server that runs on ${dataDir} listens on ${port === undefined ? 'no TCP port' : `port ${port}`}.`,
    );
  }
  const place = { dataDir, socketDir: file.socketDir, port };
  const refuse = () =>
    Promise.reject(
      new DevDatabaseError('DEV_DB_ATTACHED', `Process ${file.pid} was started by somebody else.`),
    );
  return {
    ...place,
    url: urlOf(place, 'postgres'),
    attached: true,
    pid: file.pid,
    urlFor: (database) => urlOf(place, database),
    stop: () => Promise.resolve(),
    kill: refuse,
    restart: refuse,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

interface Place {
  readonly dataDir: string;
  readonly socketDir: string;
  readonly port: number | undefined;
}

function urlOf({ dataDir, socketDir, port }: Place, database: string): string {
  const name = encodeURIComponent(database);
  if (port === undefined)
    return `postgres://postgres@/${name}?host=${encodeURIComponent(socketDir)}`;
  const password = readPassword(dataDir);
  const user = password === undefined ? 'postgres' : `postgres:${encodeURIComponent(password)}`;
  return `postgres://${user}@127.0.0.1:${port}/${name}`;
}
