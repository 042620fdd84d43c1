import pg from 'pg';
import { isMillraceError, MillraceError } from '../core/errors.ts';
import type { Executor, IsolationLevel, Transaction } from '../core/transaction.ts';
import type { ClientConfig, Row } from './connection.ts';
import { causeCode, explain } from './errors.ts';
import type { OpenTransaction } from './open-transaction.ts';
import { onStandby, vanishSettings, whoAnswers } from './route.ts';

/** Statements of our own are repeated this often when PostgreSQL could not serialize them. */
const maxSerializationTries = 10;

/** A connection of the pool in somebody's hands; `release` gives it back, `true` when it is broken. */
interface Borrowed {
  readonly client: pg.PoolClient;
  readonly release: (broken: boolean) => void;
}

/** The SQLSTATEs of a write in a transaction that is read only, and of asking a standby for one that is not. */
const readOnly = '25006';
const neverWrites = '0A000';

/** As commands of their own: a query would already take the snapshot of the handler's transaction. */
const settingVanish = Object.entries(vanishSettings).map(
  ([name, value]) => `SET LOCAL ${name} = '${value}'`,
);

/** In a process that runs jobs an idle connection is closed after this long; the next transaction may want it. */
const idleTimeoutMs = 1_000;

/**
 * The connections that users' calls go through: enqueue, look, cancel, transactions. Either a pool that we made, whose
 * size follows from what this process does, or one of the user's, which is left as it is.
 */
export class Pool {
  readonly #connection: () => pg.Pool | ClientConfig;
  #opened: { readonly pool: pg.Pool; readonly owned: boolean } | undefined;
  #shared = false;
  #transactions = 0;
  #isDirect: Promise<boolean> | undefined;

  /** @param connection Asked for when a connection is first needed; it may throw what is wrong with it. */
  constructor(connection: () => pg.Pool | ClientConfig) {
    this.#connection = connection;
  }

  get #pool(): pg.Pool {
    return this.#open().pool;
  }

  #open(): { readonly pool: pg.Pool; readonly owned: boolean } {
    if (this.#opened !== undefined) return this.#opened;
    const connection = this.#connection();
    const owned = !('totalCount' in connection);
    const pool = 'totalCount' in connection ? connection : new pg.Pool(connection);
    if (owned) {
      // A connection that the server ends must not end the process; the next query opens another. The second listener is for
      // the moment in which a connection changes hands and nobody else listens.
      pool.on('error', () => {});
      pool.on('connect', (client) => client.on('error', () => {}));
    }
    this.#opened = { pool, owned };
    this.#resize();
    return this.#opened;
  }

  /** How many connections are open. */
  get size(): number {
    return this.#opened?.pool.totalCount ?? 0;
  }

  /**
   * In a process that runs jobs one connection serves all short calls, plus one for each transaction under way: a worker's
   * connections are few and countable, and what a handler does inside a transaction never waits for that transaction.
   */
  shareWithWorker(): void {
    this.#shared = true;
    this.#resize();
  }

  #count(change: 1 | -1): void {
    this.#transactions += change;
    this.#resize();
  }

  #resize(): void {
    if (!this.#shared || this.#opened?.owned !== true) return;
    const { options } = this.#opened.pool;
    options.max = 1 + this.#transactions;
    options.idleTimeoutMillis = idleTimeoutMs;
  }

  /**
   * Whether connections go to the server itself. A pooler hands its connections to the server around, so that nothing can be
   * prepared on them; it announces a process of its own to its clients. Asked once, when it first matters.
   */
  isDirect(): Promise<boolean> {
    this.#isDirect ??= this.#with(async (client) => !(await whoAnswers(client)).isPooler).catch(
      (error: unknown) => {
        this.#isDirect = undefined;
        throw explain(error);
      },
    );
    return this.#isDirect;
  }

  /** Runs one statement on its own; one with a name is prepared once on each connection. */
  async query(
    statement: { readonly name?: string; readonly text: string },
    values: readonly (string | null)[],
  ): Promise<Row[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#queryOnce({ ...statement, values: [...values] });
      } catch (error) {
        if (!isSerialization(error) || tries >= maxSerializationTries) throw explain(error);
      }
    }
  }

  /** Where transactions are read only by default, in one that is not. */
  async #queryOnce(query: pg.QueryConfig): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(query)).rows;
    } catch (error) {
      if (causeCode(error) !== readOnly) throw error;
      return this.#with(async (client) => {
        await begin(client, beginText('read committed'));
        const { rows } = await client.query<Row>(query);
        await client.query('COMMIT');
        return rows;
      });
    }
  }

  /** Runs a read of our own, which must not depend on the session's search path, nor on how it writes times. */
  read<T>(body: (executor: Executor) => Promise<T>): Promise<T> {
    return this.#with(async (client) => {
      await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY');
      await client.query(`SET LOCAL search_path = ''; SET LOCAL datestyle = 'ISO'`);
      const result = await body({ query: (text, values) => client.query(text, [...values]) });
      await client.query('COMMIT');
      return result;
    });
  }

  async transaction<T>(
    isolation: IsolationLevel,
    body: (tx: Transaction) => Promise<T>,
  ): Promise<T> {
    this.#count(1);
    try {
      return await this.#with(async (client) => {
        await begin(client, beginText(isolation));
        const result = await body(client);
        const { command } = await client.query('COMMIT');
        // The body swallowed the error of a statement: the server has rolled everything back.
        if (command !== 'COMMIT') {
          throw new MillraceError(
            'MILLRACE_TX_NOT_OPEN',
            'a statement of the transaction had failed, so it was rolled back',
          );
        }
        return result;
      });
    } finally {
      this.#count(-1);
    }
  }

  /**
   * A transaction for a transactional handler, which does not outlive its host.
   */
  async begin(isolation: IsolationLevel): Promise<OpenTransaction> {
    this.#count(1);
    let borrowed: Borrowed | undefined;
    let ended = false;
    const end = (broken: boolean) => {
      if (ended) return;
      ended = true;
      borrowed?.release(broken);
      this.#count(-1);
    };
    try {
      // Before a connection is taken, for it needs one itself.
      const keepsPlans = await this.isDirect();
      borrowed = await this.#borrow();
      const { client } = borrowed;
      await begin(client, [beginText(isolation), ...settingVanish].join('; '));
      return {
        tx: client,
        tellsOutcome: true,
        within: (body) => body(),
        async run({ name, text }, values) {
          const config = { ...(keepsPlans && { name }), text, values: [...values] };
          return (await client.query<Row>(config)).rows;
        },
        async commit() {
          const { command } = await client.query('COMMIT');
          end(command !== 'COMMIT');
          if (command !== 'COMMIT') throw new Error('the transaction had failed before its commit');
        },
        async rollback() {
          if (ended) return;
          const broken = await client.query('ROLLBACK').then(
            () => false,
            () => true,
          );
          end(broken);
        },
      };
    } catch (error) {
      end(true);
      throw explain(error);
    }
  }

  /** A connection whose loss only its queries report; left alone, an event without a listener would end the process. */
  async #borrow(): Promise<Borrowed> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw explain(error);
    });
    const ignore = () => {};
    client.on('error', ignore);
    return {
      client,
      release(broken) {
        client.off('error', ignore);
        client.release(broken);
      },
    };
  }

  /** Runs `body` on one connection; rolls back and closes what a failure leaves open. */
  async #with<T>(body: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const { client, release } = await this.#borrow();
    let broken = false;
    try {
      return await body(client);
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {
        broken = true;
      });
      // The next connection may lead to the primary.
      broken ||= isMillraceError(error, 'MILLRACE_DB_READ_ONLY');
      throw isSerialization(error) || isConnection(error) ? explain(error) : error;
    } finally {
      release(broken);
    }
  }

  /** One connection for several transactions. */
  async session<T>(body: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const { client, release } = await this.#borrow();
    try {
      return await body(client);
    } finally {
      // Closed, for a failure may have left it in any state.
      release(true);
    }
  }

  async close(): Promise<void> {
    if (this.#opened?.owned === true && !this.#opened.pool.ended) await this.#opened.pool.end();
  }
}

/** @throws MILLRACE_DB_READ_ONLY at a standby. */
async function begin(client: pg.PoolClient, text: string): Promise<void> {
  await client.query(text).catch((error: unknown) => {
    throw causeCode(error) === neverWrites ? onStandby() : error;
  });
}

function beginText(isolation: IsolationLevel): string {
  return `BEGIN ISOLATION LEVEL ${isolation.toUpperCase()} READ WRITE`;
}

function isSerialization(error: unknown): boolean {
  const code = causeCode(error);
  return code === '40001' || code === '40P01';
}

function isConnection(error: unknown): boolean {
  const explained = explain(error);
  return explained instanceof MillraceError && explained.code === 'MILLRACE_DB_UNREACHABLE';
}
