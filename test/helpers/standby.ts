import { execFile } from 'node:child_process';
import { appendFileSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { startDevDatabase, type DevDatabase, type DevDatabaseOptions } from '@millrace/dev-db';
import { durable } from './own-server.ts';
import { until } from './until.ts';

/** A server that streams from another one and can take its place. It knows what the other has confirmed a moment later. */
export interface Standby extends AsyncDisposable {
  readonly server: DevDatabase;
  readonly url: string;
  /** Resolves when it has all that the other server has confirmed so far. */
  caughtUp(): Promise<void>;
  /** Ends the stream: what the other server confirms from now on is lost when this one takes its place. */
  cutOff(): Promise<void>;
  /** Ends its being a standby; resolves when it takes writes. */
  promote(): Promise<void>;
}

/** Where it keeps its data, and what it is set to; default is beside the other server, and as `durable` is. */
type StandbyOptions = Pick<DevDatabaseOptions, 'dataDir' | 'settings'>;

/** Starts a standby of a server, which goes on working meanwhile. To be disposed before that server if it is ephemeral. */
export async function startStandby(
  primary: DevDatabase,
  options: StandbyOptions = {},
): Promise<Standby> {
  const { dataDir = `${primary.dataDir}-standby` } = options;
  await copyData(primary, dataDir);
  const server = await startDevDatabase({ ...durable, ...options, ephemeral: false, dataDir });
  const isStreaming = () =>
    ask(server.url, `SELECT count(*) > 0 AS answer FROM pg_stat_wal_receiver`);
  await until('the standby streams', async () => (await isStreaming()) === true);
  return {
    server,
    url: server.url,
    async caughtUp() {
      const position = await ask(primary.url, 'SELECT pg_current_wal_lsn()::text AS answer');
      const replayed = `SELECT pg_last_wal_replay_lsn() >= '${String(position)}' AS answer`;
      await until('it has all', async () => (await ask(server.url, replayed)) === true);
    },
    async cutOff() {
      await ask(server.url, `ALTER SYSTEM SET primary_conninfo = ''`);
      await ask(server.url, 'SELECT pg_reload_conf()');
      await until('the stream has ended', async () => (await isStreaming()) === false);
    },
    async promote() {
      await ask(server.url, 'SELECT pg_promote()');
    },
    [Symbol.asyncDispose]: () => server.stop('immediate'),
  };
}

/** Runs one statement in a session of its own; answers with the column `answer` of its first row. */
export async function ask(url: string, text: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  // A server that ends between two messages must not end the tests.
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ answer: unknown }>(text);
    return rows[0]?.answer;
  } finally {
    await client.end();
  }
}

/** Files that change or vanish meanwhile are none of its worries: the log that is streamed from its beginning on mends them. */
const copying = `tar -C "$1" --exclude='./pg_wal/*' --exclude='./postmaster.*' --exclude='./millrace.*' \
  --exclude='./.s.PGSQL.*' -cf - . | tar -C "$2" -xpf -`;

/** Copies what a standby begins with. */
async function copyData(primary: DevDatabase, dataDir: string): Promise<void> {
  const { uid, gid } = statSync(primary.dataDir);
  mkdirSync(dataDir);
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    // In one session: the server gives a backup up whose session ends.
    await client.query(`SELECT pg_backup_start('standby', true)`);
    await promisify(execFile)('sh', ['-c', copying, 'sh', primary.dataDir, dataDir]);
    const stop = 'SELECT labelfile FROM pg_backup_stop(false)';
    const { rows } = await client.query<{ labelfile: string }>(stop);
    const files = { backup_label: rows[0]?.labelfile ?? '', 'standby.signal': '' };
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(dataDir, name), content);
      chownSync(join(dataDir, name), uid, gid);
    }
  } finally {
    await client.end();
  }
  // After a crash of the other server it is back at once, instead of after five seconds.
  appendFileSync(
    join(dataDir, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${primary.socketDir} user=postgres'\nwal_retrieve_retry_interval = '100ms'\n`,
  );
}
