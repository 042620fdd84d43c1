import type { Row } from './connection.ts';
import { causeCode } from './errors.ts';
import type { Names } from './names.ts';
import { dispose, inTransaction, send, type Route, type Session } from './route.ts';
import type { Statement, StatementOf } from './sql/statement.ts';

/**
 * One connection in pipeline mode that is opened when it is first needed and again after it was lost. Statements are sent
 * without waiting for the answers of those before; each fails or succeeds alone, and behind a pooler each is a transaction
 * of its own. A statement whose connection is lost is rejected, never repeated: whoever sent it decides what an unknown
 * answer means.
 */
export class PipelinedSession {
  readonly #route: Route;
  readonly #names: Names;
  readonly #statements = new Map<StatementOf, Statement>();
  readonly #onLost = new Set<() => void>();
  #session: Promise<Session> | undefined;

  constructor(route: Route, names: Names) {
    this.#route = route;
    this.#names = names;
  }

  async query(of: StatementOf, values: readonly unknown[]): Promise<Row[]> {
    return this.queryOn(await this.open(), of, values);
  }

  /**
   * Runs a statement on this very connection; it is rejected when the connection is lost. An answer that does not come
   * within `longestMs` ends the connection.
   */
  async queryOn(
    session: Session,
    of: StatementOf,
    values: readonly unknown[],
    longestMs?: number,
  ): Promise<Row[]> {
    return this.#run(session, of, { values, longestMs });
  }

  /** The same, but each row is the list of its values. */
  async listOn(
    session: Session,
    of: StatementOf,
    values: readonly unknown[],
  ): Promise<(readonly unknown[])[]> {
    const rows: readonly unknown[] = await this.#run(session, of, { values, rowMode: 'array' });
    return rows as unknown[][];
  }

  async #run(
    session: Session,
    of: StatementOf,
    how: Omit<Parameters<typeof send>[1], 'text'>,
  ): Promise<Row[]> {
    const { name, text } = this.#statement(of);
    if (session.isPooled) return inTransaction(session, {}, [{ text, ...how }]);
    try {
      return await send(session.client, { text, ...how }, name);
    } catch (error) {
      if (isOfAnother(error)) this.distrust(session);
      throw error;
    }
  }

  /**
   * The session of the server behind this connection is not the one that it was: a pooler that hides itself hands the
   * sessions around. The connection is given up, and the next one is known to be pooled.
   */
  distrust(session: Session): void {
    this.#route.findPooler();
    dispose(session.client);
  }

  /** Calls back whenever the connection is lost; answers with a function that ends it. */
  onLost(callback: () => void): () => void {
    this.#onLost.add(callback);
    return () => this.#onLost.delete(callback);
  }

  /** Runs statements in one transaction; answers with the rows of the last one. */
  async transaction(
    statements: readonly (readonly [StatementOf, readonly unknown[]])[],
  ): Promise<Row[]> {
    const sent = statements.map(([of, values]) => ({ text: this.#statement(of).text, values }));
    return inTransaction(await this.open(), {}, sent);
  }

  /** Ends the connection. A later statement opens another one. */
  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    this.#session = undefined;
    await session?.client.end().catch(() => {});
  }

  #statement(of: StatementOf): Statement {
    const known = this.#statements.get(of);
    if (known !== undefined) return known;
    const made = of(this.#names);
    this.#statements.set(of, made);
    return made;
  }

  open(): Promise<Session> {
    return (this.#session ??= this.#connect());
  }

  #connect(): Promise<Session> {
    const opening = this.#route.open().then((session) => {
      session.client.once('end', forget);
      return session;
    });
    const forget = () => {
      if (this.#session !== opening) return;
      this.#session = undefined;
      for (const tell of this.#onLost) tell();
    };
    opening.catch(forget);
    return opening;
  }
}

/** A statement that was prepared here is unknown, or one is known that was not. */
function isOfAnother(error: unknown): boolean {
  return ['26000', '42P05'].includes(causeCode(error) ?? '');
}
