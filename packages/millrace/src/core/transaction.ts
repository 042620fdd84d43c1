/** An open transaction of the user's: what `enqueue` writes through, and what transactional handlers get. */
export interface Transaction {
  query<Row = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }>;
}

/** The isolation levels that PostgreSQL has. */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

/**
 * Opens transactions of a library of yours, for `transaction` of `defineJob`: `drizzle(db)` of `millrace/drizzle` makes
 * one, and so do its siblings.
 */
export interface TransactionSource<Tx> {
  /** Runs `body` in a new transaction: committed when it resolves, rolled back when it rejects. */
  begin(body: (tx: Tx) => Promise<void>): Promise<unknown>;
}

/** What makers of transaction sources take. */
export interface TransactionSourceOptions {
  /** Default `read committed`. */
  readonly isolation?: IsolationLevel;
}

/**
 * The one shape that every kind of user transaction is brought to: parameters are texts that the SQL casts, results are
 * rows. Storage speaks only this to transactions that are not its own.
 */
export interface Executor {
  query(
    text: string,
    values: readonly (string | null)[],
  ): Promise<{ rows: Record<string, unknown>[] }>;
}
