/** An open transaction of the user's: what `enqueue` writes through, and what transactional handlers get. */
export interface Transaction {
  query<Row = Record<string, unknown>>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number | null }>;
}

export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

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
