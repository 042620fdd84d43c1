import { DevDatabaseError } from './errors.ts';

/** What {@link startDevDatabase} starts, and how. */
export interface DevDatabaseOptions {
  /**
   * The folder of the data; made when missing. Default `.millrace/postgres` below the working directory. When root runs
   * a project that the user of the server cannot enter, the data lives in the cache folder instead; `dataDir` of the
   * result says where.
   */
  readonly dataDir?: string;
  /** The folder of the programs `postgres` and `initdb`, 14 to 18; default is the release that npm installed. */
  readonly binDir?: string;
  /** Settings of PostgreSQL, as in `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Listens also on this TCP port of 127.0.0.1, with a password, 0 for any free one. Without it only a socket in the file
   * system leads to the server.
   */
  readonly port?: number | undefined;
  /** Keeps the data in a temporary folder that goes with the server. */
  readonly ephemeral?: boolean;
  /** Loses data when the machine stops: for tests only. */
  readonly fast?: boolean;
}

const fastSettings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

export function checkOptions(options: DevDatabaseOptions): void {
  const { dataDir, ephemeral, port, settings = {} } = options;
  if (ephemeral === true && dataDir !== undefined) {
    throw invalid('`ephemeral` chooses the folder itself and excludes `dataDir`.');
  }
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw invalid(`\`port\` must be a number from 0 to 65535, not ${port}.`);
  }
  const wrong = Object.keys(settings).find((name) => !/^[a-z_][\w.]*$/i.test(name));
  if (wrong !== undefined) throw invalid(`\`settings\` has no name of a setting: ${wrong}.`);
}

export function settingsOf({ fast, settings }: DevDatabaseOptions): Record<string, string> {
  return { ...(fast === true ? fastSettings : {}), ...settings };
}

function invalid(message: string): DevDatabaseError {
  return new DevDatabaseError('DEV_DB_OPTION_INVALID', message);
}
