import pg from 'pg';
import { pause, type Clock } from '../core/clock.ts';
import { clientConfig } from './connection.ts';
import { causeCode, explain } from './errors.ts';
import { quoteIdentifier, quoteText } from './names.ts';

/** Somebody is still connected to the database that is to be copied. */
const inUse = '55006';
const inUseForMs = 5_000;
const inUsePauseMs = 10;

/** Copies of whole files are fast where the server need not wait for its disk, and slow where it must; since 15. */
const firstVersionWithStrategy = 150_000;

/** Makes, copies and drops databases of a server for tests. */
export class Databases {
  readonly #pool: pg.Pool;
  readonly #clock: Clock;
  #copies: Promise<string> | undefined;

  /** @param url leads to any database of the server, with a role that may create databases */
  constructor(url: string, clock: Clock) {
    this.#clock = clock;
    // A connection that is not in use keeps no process of tests alive.
    this.#pool = new pg.Pool({ ...clientConfig(url), max: 4, allowExitOnIdle: true });
    this.#pool.on('error', () => {});
  }

  /** An empty one. */
  async create(name: string): Promise<void> {
    await this.#run(`CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0`);
  }

  /** From now on nobody may connect to it, so that it can be copied at any time. */
  async seal(name: string): Promise<void> {
    await this.#run(`ALTER DATABASE ${quoteIdentifier(name)} WITH ALLOW_CONNECTIONS false`);
  }

  async copy(template: string, name: string): Promise<void> {
    this.#copies ??= this.#strategy();
    const strategy = await this.#copies;
    const names = `${quoteIdentifier(name)} TEMPLATE ${quoteIdentifier(template)}`;
    const deadline = this.#clock.monotonicMs() + inUseForMs;
    for (;;) {
      try {
        return await this.#run(`CREATE DATABASE ${names} ${strategy}`);
      } catch (error) {
        if (causeCode(error) !== inUse || this.#clock.monotonicMs() > deadline) throw error;
        await pause(this.#clock, inUsePauseMs);
      }
    }
  }

  /** Also while somebody is connected to it; safe to call twice. */
  async drop(name: string): Promise<void> {
    await this.#run(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)} WITH (FORCE)`);
  }

  /** The names that begin with this. */
  async namesLike(prefix: string): Promise<string[]> {
    const { rows } = await this.#query(
      `SELECT datname AS name FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname, ${quoteText(prefix)})`,
    );
    return rows.map(({ name }) => name as string);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #strategy(): Promise<string> {
    const { rows } = await this.#query(
      `SELECT pg_catalog.current_setting('server_version_num')::int AS version, pg_catalog.current_setting('fsync') AS fsync`,
    );
    const isFast = rows[0]?.['fsync'] === 'off';
    return isFast && Number(rows[0]?.['version']) >= firstVersionWithStrategy
      ? 'STRATEGY file_copy'
      : '';
  }

  async #run(text: string): Promise<void> {
    await this.#query(text);
  }

  #query(text: string): Promise<{ rows: Record<string, unknown>[] }> {
    return this.#pool.query<Record<string, unknown>>(text).catch((error: unknown) => {
      throw explain(error);
    });
  }
}
