/** The servers that jobs are kept in, and what can be asked of them beside the peers. */
import { randomBytes } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevDatabase, type DevDatabase } from '@millrace/dev-db';
import pg from 'pg';
import { familySeconds, parentOf } from './processor-time.ts';
import { until } from './until.ts';

/** A place for the jobs of one run. */
export interface Store extends AsyncDisposable {
  readonly url: string;
  /** Processor time of the server's processes. */
  cpuSeconds(): number;
  /** Of PostgreSQL only. */
  readonly database: Database | undefined;
}

const goodbyeMs = 3_000;
const settings = { shared_buffers: '1GB', max_connections: '200' };

/** One PostgreSQL server for all runs; each gets a database of its own. */
export class Server implements AsyncDisposable {
  readonly version: string;
  /** Connected to another database than the runs, so that it does not count among their sessions. */
  readonly admin: pg.Client;
  readonly #url: string;
  readonly #own: DevDatabase | undefined;
  readonly #postmaster: number | undefined;

  private constructor(url: string, own: DevDatabase | undefined, admin: pg.Client, facts: Facts) {
    this.#url = url;
    this.#own = own;
    this.admin = admin;
    this.version = facts.version;
    this.#postmaster = isLocal(url) ? parentOf(facts.pid) : undefined;
  }

  static async start(given: string | undefined): Promise<Server> {
    const own =
      given === undefined
        ? await startDevDatabase({ ephemeral: true, port: 0, settings })
        : undefined;
    const url = given ?? own?.url ?? '';
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    const { rows } = await admin.query<Facts>(
      `SELECT pg_backend_pid() AS pid, current_setting('server_version') AS version`,
    );
    return new Server(url, own, admin, rows[0] as Facts);
  }

  cpuSeconds(): number {
    return familySeconds(this.#postmaster);
  }

  async open(): Promise<Store> {
    const name = `bench_${randomBytes(6).toString('hex')}`;
    await this.admin.query(`CREATE DATABASE ${name}`);
    const url = new URL(this.#url);
    url.pathname = name;
    const database = new Database(url.href, name, this.admin);
    return {
      url: url.href,
      database,
      cpuSeconds: () => this.cpuSeconds(),
      [Symbol.asyncDispose]: () => database.drop(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.admin.end();
    await this.#own?.stop();
  }
}

interface Facts {
  readonly pid: number;
  readonly version: string;
}

function isLocal(url: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname);
}

export class Database {
  readonly url: string;
  readonly #name: string;
  readonly #admin: pg.Client;

  constructor(url: string, name: string, admin: pg.Client) {
    this.url = url;
    this.#name = name;
    this.#admin = admin;
  }

  /** A connection of its own. */
  async connect(): Promise<pg.Client & AsyncDisposable> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
  }

  /** What autovacuum and the checkpointer would do some time after a load. */
  async settle(): Promise<void> {
    await using client = await this.connect();
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
  }

  /** Bytes of write-ahead log since the server was made. */
  async walBytes(): Promise<number> {
    return this.#number(`SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS n`);
  }

  /** Transactions that have ended in this database. Sessions tell of theirs a second late. */
  async transactions(): Promise<number> {
    return this.#number(
      `SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = $1`,
      [this.#name],
    );
  }

  async sizes(table: string): Promise<Sizes> {
    await using client = await this.connect();
    const { rows } = await client.query<{ all: string; table: string; dead: string }>(
      `WITH tree AS (SELECT $1::regclass AS relid UNION SELECT relid FROM pg_partition_tree($1::regclass))
       SELECT pg_database_size(current_database()) AS all,
              (SELECT sum(pg_total_relation_size(relid)) FROM tree) AS table,
              (SELECT sum(n_dead_tup) FROM pg_stat_user_tables JOIN tree USING (relid)) AS dead`,
      [table],
    );
    const [row] = rows;
    return {
      allBytes: Number(row?.all),
      tableBytes: Number(row?.table),
      deadRows: Number(row?.dead),
    };
  }

  /** Clients do not wait until the server has heard that they are gone; one that goes on is cut off. */
  async drop(): Promise<void> {
    const sessions = `SELECT count(*) AS n FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`;
    await until(
      'nobody is connected',
      async () => (await this.#number(sessions, [this.#name])) === 0,
      goodbyeMs,
    ).catch(() => {});
    await this.#admin.query(`DROP DATABASE ${this.#name} WITH (FORCE)`);
  }

  async #number(text: string, values: unknown[] = []): Promise<number> {
    const { rows } = await this.#admin.query<{ n: string }>(text, values);
    return Number(rows[0]?.n);
  }
}

interface Sizes {
  readonly allBytes: number;
  readonly tableBytes: number;
  readonly deadRows: number;
}

const redisServer = 'redis-server';

/** The version of the redis-server of this machine, or undefined. */
export function redisVersion(): string | undefined {
  const { stdout } = spawnSync(redisServer, ['--version'], { encoding: 'utf8' });
  return /v=(\S+)/.exec(stdout ?? '')?.[1];
}

/** A Redis server for one run. `always` writes each command to disk before it answers, as PostgreSQL does. */
export async function openRedis(durability: 'memory' | 'always'): Promise<Store> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-redis-'));
  const port = await freePort();
  const log = durability === 'always' ? ['yes', '--appendfsync', 'always'] : ['no'];
  const server = spawn(
    redisServer,
    [
      '--bind',
      '127.0.0.1',
      '--port',
      String(port),
      '--dir',
      directory,
      '--save',
      '',
      '--appendonly',
      ...log,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  server.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await until('Redis is ready', () => output.includes('Ready to accept connections'), 10_000);
  return {
    url: `redis://127.0.0.1:${port}`,
    database: undefined,
    cpuSeconds: () => familySeconds(server.pid),
    async [Symbol.asyncDispose]() {
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}
