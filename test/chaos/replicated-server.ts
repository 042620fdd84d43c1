import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDevDatabase, type DevDatabase } from '@millrace/dev-db';
import { durable } from '../helpers/own-server.ts';
import { ask, startStandby, type Standby } from '../helpers/standby.ts';
import { until } from '../helpers/until.ts';

const settings = {
  ...durable.settings,
  max_connections: '200',
  // A replica that is away while its primary recovers finds everything when it is back.
  wal_keep_size: '512MB',
};

/** Whether the replica is waited for. */
const confirming = `SELECT bool_or(state = 'streaming' AND sync_state = 'sync') AS answer FROM pg_stat_replication`;

/**
 * A server with a streaming replica that has everything that was ever confirmed when it is promoted, and one address that
 * always leads to the primary. After each promotion there is another replica.
 */
export class ReplicatedServer implements AsyncDisposable {
  /** Through the address. */
  readonly url: string;
  /** For each promotion: how long there was no primary. */
  readonly pausesMs: number[] = [];
  readonly #first: DevDatabase;
  /** It goes with the first server. */
  readonly #folder: string;
  readonly #address: string;
  readonly #logs: string[] = [];
  #primary: DevDatabase;
  #replica: Standby | undefined;

  private constructor(first: DevDatabase) {
    this.#first = first;
    this.#primary = first;
    this.#folder = dirname(first.dataDir);
    this.#address = join(this.#folder, 'primary');
    this.url = `postgres://postgres@/postgres?host=${encodeURIComponent(this.#address)}`;
    this.#leadTo(first);
  }

  static async start(): Promise<ReplicatedServer> {
    const started = new ReplicatedServer(await startDevDatabase({ ...durable, settings }));
    try {
      await started.#replicate();
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What the servers wrote into their logs, the oldest first. */
  get logs(): string[] {
    const running = [this.#primary, ...(this.#replica === undefined ? [] : [this.#replica.server])];
    return [...this.#logs, ...running.map(logOf)];
  }

  /** Ends the primary, which `restart` starts again. */
  kill(signal: NodeJS.Signals): Promise<void> {
    return this.#primary.kill(signal);
  }

  restart(): Promise<void> {
    return this.#primary.restart();
  }

  /**
   * Ends the primary for good; the address then leads to the replica, for a while before this takes writes. Resolves when
   * there is a new replica, and commits wait for it.
   */
  async promote(ending: NodeJS.Signals, hesitatesMs: number): Promise<void> {
    const [former, replica] = [this.#primary, this.#replica];
    if (replica === undefined) throw new Error('There is no replica to promote.');
    // After a crash the primary shows what it has not confirmed, until the replica is back: whoever read that must find it.
    await this.#confirms();
    const sinceMs = performance.now();
    await former.kill(ending);
    this.#leadTo(replica.server);
    await sleep(hesitatesMs);
    await replica.promote();
    this.pausesMs.push(performance.now() - sinceMs);
    this.#primary = replica.server;
    this.#replica = undefined;
    await this.#remove(former);
    await this.#replicate();
  }

  /** Commits wait for a replica as soon as there is one, for the primary does not end before. */
  async #replicate(): Promise<void> {
    const dataDir = join(this.#folder, `data-${this.#logs.length + 2}`);
    const { url } = this.#primary;
    this.#replica = await startStandby(this.#primary, { dataDir, settings });
    // Not before the copy, or the replica would wait for one of its own when it is promoted.
    await ask(url, `ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await ask(url, 'SELECT pg_reload_conf()');
    const set = `SELECT current_setting('synchronous_standby_names') = '*' AS answer`;
    await until('new sessions know that', async () => (await ask(url, set)) === true);
    // Its process tells the others to wait.
    await ask(url, 'CHECKPOINT');
    await this.#confirms();
  }

  async #confirms(): Promise<void> {
    await until('commits wait for the replica', async () => {
      return (await ask(this.#primary.url, confirming)) === true;
    });
    await this.#replica?.caughtUp();
  }

  /** In one step: whoever connects reaches the one or the other. */
  #leadTo({ socketDir }: DevDatabase): void {
    const next = `${this.#address}.next`;
    symlinkSync(socketDir, next);
    renameSync(next, this.#address);
  }

  /** Keeps nothing of a server that has ended but its log. */
  async #remove(server: DevDatabase): Promise<void> {
    if (server !== this.#first) await server.stop('immediate');
    const log = join(this.#folder, `server-${this.#logs.length + 1}.log`);
    renameSync(logOf(server), log);
    this.#logs.push(log);
    // The processes of a killed server need a moment to notice.
    rmSync(server.dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replica?.[Symbol.asyncDispose]();
    await this.#primary.stop('immediate');
    await this.#first.stop('immediate');
  }
}

function logOf({ dataDir }: DevDatabase): string {
  return join(dataDir, 'millrace.log');
}
