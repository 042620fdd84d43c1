import type { Executor } from '../../core/transaction.ts';
import { hasMethods, invalid, notOpen } from './shape.ts';

/** The part of a `pg` client that is looked at. */
interface PgClient {
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  getTransactionStatus?(): string | null;
}

/** A `pg` client on which the user has begun a transaction. */
export function pgExecutor(handle: unknown): Executor | undefined {
  if (!hasMethods(handle, 'query')) return undefined;
  // A pool would run every statement on another connection.
  if ('totalCount' in handle) throw invalid('a pool of pg, not one of its clients after BEGIN');
  const client = handle as PgClient;
  const status = client.getTransactionStatus?.();
  if (status === 'I') throw notOpen('a client of pg outside a transaction');
  if (status === 'E') throw notOpen('a transaction that has failed and can only be rolled back');
  return { query: (text, values) => client.query(text, [...values]) };
}
