import { execFile } from 'node:child_process';
import { appendFileSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { startDevDatabase, type DevDatabase } from '@millrace/dev-db';
import { durable } from './own-server.ts';
import { until } from './until.ts';

/** A server that streams from another one and can take its place. It knows what the other has confirmed a moment later. */
export interface Standby extends AsyncDisposable {
  readonly url: string;
  /** Resolves when it has all that the other server has confirmed so far. */
  caughtUp(): Promise<void>;
  /** Ends the stream: what the other server confirms from now on is lost when this one takes its place. */
  cutOff(): Promise<void>;
  /** Ends its being a standby; resolves when it takes writes. */
  promote(): Promise<void>;
}

/** Starts a standby of an ephemeral server, which is restarted for it. To be disposed before that server. */
export async function startStandby(primary: DevDatabase): Promise<Standby> {
  const dataDir = `${primary.dataDir}-standby`;
  await primary.kill('SIGINT');
  await promisify(execFile)('cp', ['-a', primary.dataDir, dataDir]);
  const signal = join(dataDir, 'standby.signal');
  writeFileSync(signal, '');
  const { uid, gid } = statSync(dataDir);
  chownSync(signal, uid, gid);
  appendFileSync(
    join(dataDir, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${primary.socketDir} user=postgres'\n`,
  );
  await primary.restart();
  const server = await startDevDatabase({ ...durable, ephemeral: false, dataDir });
  const ask = async (url: string, text: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const { rows } = await client.query<{ answer: unknown }>(text);
      return rows[0]?.answer;
    } finally {
      await client.end();
    }
  };
  const isStreaming = () =>
    ask(server.url, `SELECT count(*) > 0 AS answer FROM pg_stat_wal_receiver`);
  await until('the standby streams', async () => (await isStreaming()) === true);
  return {
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
