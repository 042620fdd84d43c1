import pg from 'pg';
import { MillraceError } from '../core/errors.ts';
import type { ClientConfig, Row } from './connection.ts';

/** An answer that is awaited longer than this does not come: the connection leads nowhere. */
const answerMs = 10_000;

/**
 * What every statement of the engine runs under, whatever the defaults of role and database are: durable commits, bounded
 * waits, nothing found through the search path, and plans that stay index scans although they were made on empty tables.
 * JIT is off because disabled plan nodes look expensive enough to trigger it.
 *
 * A statement must end before the heartbeat behind it is given up, which would cost the session.
 */
const statementSettings: Readonly<Record<string, string>> = {
  synchronous_commit: 'on',
  lock_timeout: '2s',
  statement_timeout: '4s',
  search_path: '',
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  jit: 'off',
  timezone: 'UTC',
  datestyle: 'ISO',
  extra_float_digits: '1',
};

/** With these the server finds out after 10 s that the host at the other end has vanished, and frees what it held. */
export const vanishSettings: Readonly<Record<string, string>> = {
  tcp_keepalives_idle: '4',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '10s',
};

/** What a session of ours sets besides, such as an isolation that SKIP LOCKED works under. */
const sessionSettings: Readonly<Record<string, string>> = {
  ...statementSettings,
  ...vanishSettings,
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  idle_session_timeout: '0',
};

/** A connection of the engine. */
export interface Session {
  readonly client: pg.Client;
  /**
   * A pooler gives each transaction to some session of the server's that others use too: nothing may be set on it, no
   * statement has a name, no lock and no LISTEN outlives the transaction.
   */
  readonly isPooled: boolean;
}

/** A statement to send. */
interface Sent {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** An answer that does not come within this ends the connection. */
  readonly longestMs?: number | undefined;
  /** `array`: rows as lists of their values. */
  readonly rowMode?: 'array' | undefined;
}

/**
 * Sends a statement; answers with its rows.
 * @param name What the server keeps the prepared statement under.
 */
export async function send(
  client: pg.Client,
  { text, values = [], longestMs, rowMode }: Sent,
  name?: string,
): Promise<Row[]> {
  const config = { name, text, values: [...values], query_timeout: longestMs, rowMode };
  return (await client.query<Row>(config as pg.QueryConfig)).rows;
}

/** Where the sessions of the engine go. Once a pooler was found there, all of them are pooled. */
export class Route {
  readonly #config: () => ClientConfig;
  readonly #onPooled: () => unknown;
  #isPooled = false;
  #sessions = 0;

  /** @param onPooled Called once, when a pooler is found on the way. */
  constructor(config: () => ClientConfig, onPooled: () => unknown) {
    this.#config = config;
    this.#onPooled = onPooled;
  }

  /** How many sessions are open now. */
  get sessions(): number {
    return this.#sessions;
  }

  get isPooled(): boolean {
    return this.#isPooled;
  }

  /** A pooler was found on the way. */
  findPooler(): void {
    if (this.#isPooled) return;
    this.#isPooled = true;
    this.#onPooled();
  }

  /** Opens a session, in pipeline mode unless it is to listen. */
  async open(
    options: { readonly pipeline?: boolean; readonly answerMs?: number } = {},
  ): Promise<Session> {
    const client = new pg.Client({
      pipeline: true,
      ...options,
      ...this.#config(),
      query_timeout: options.answerMs ?? answerMs,
    });
    // Without a listener a lost connection would end the process; whoever uses the client learns it from its query.
    client.on('error', () => {});
    try {
      await client.connect();
      this.#sessions += 1;
      client.once('end', () => {
        this.#sessions -= 1;
      });
      const { isPooler, isStandby } = await whoAnswers(client);
      if (isPooler) this.findPooler();
      // A session outlives the promotion, and whoever watched the others through it saw all of them without their locks.
      if (isStandby) throw onStandby();
      if (!this.#isPooled) await client.query(setConfig(sessionSettings, false));
      return { client, isPooled: this.#isPooled };
    } catch (error) {
      dispose(client);
      throw error;
    }
  }
}

/** A pooler announces a process id of its own, so that the one of the server differs from it. */
export async function whoAnswers(
  client: pg.ClientBase,
): Promise<{ readonly isPooler: boolean; readonly isStandby: boolean }> {
  const { rows } = await client.query<{ pid: number; standby: boolean }>(
    'SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_is_in_recovery() AS standby',
  );
  const announced = (client as unknown as { processID: number | null }).processID;
  return { isPooler: rows[0]?.pid !== announced, isStandby: rows[0]?.standby === true };
}

export function onStandby(): MillraceError {
  const what = 'the server is a standby, which cannot be written to';
  return new MillraceError('MILLRACE_DB_READ_ONLY', what);
}

/** A statement that sets them, for the session or for its transaction. */
export function setConfig(settings: Readonly<Record<string, string>>, isLocal: boolean): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `pg_catalog.set_config('${name}', '${value}', ${isLocal})`,
  );
  return `SELECT ${calls.join(', ')}`;
}

/**
 * Runs statements in one transaction; answers with the rows of the last one. They are sent in one go, so that nothing else
 * of this connection comes between them. The settings hold for this transaction only; behind a pooler all of the engine's
 * are set this way.
 */
export async function inTransaction(
  { client, isPooled }: Session,
  settings: Readonly<Record<string, string>>,
  statements: readonly Sent[],
): Promise<Row[]> {
  const local = isPooled ? { ...statementSettings, ...settings } : settings;
  const begun = send(client, { text: 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE' });
  const sent = [
    ...(Object.keys(local).length > 0 ? [send(client, { text: setConfig(local, true) })] : []),
    ...statements.map((each) => send(client, each)),
    send(client, { text: 'COMMIT' }),
  ];
  const [beginning, ...answers] = await Promise.allSettled([begun, ...sent]);
  if (beginning.status === 'rejected') {
    // What followed may have run outside a transaction, so the error must not say that the server refused it.
    dispose(client);
    throw new Error(`Connection terminated, for BEGIN failed: ${String(beginning.reason)}`);
  }
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const last = answers.at(-2);
  return last?.status === 'fulfilled' ? last.value : [];
}

/** How many bytes have come over a connection. */
export function bytesRead(client: pg.Client): number {
  return streamOf(client)?.bytesRead ?? 0;
}

function streamOf(client: pg.Client): { readonly bytesRead: number; destroy(): void } | undefined {
  const { connection } = client as unknown as {
    connection: { stream?: { readonly bytesRead: number; destroy(): void } };
  };
  return connection.stream;
}

/** Ends a connection whatever state it is in, without waiting for the server. */
export function dispose(client: pg.Client): void {
  client.end().catch(() => {});
  streamOf(client)?.destroy();
}
