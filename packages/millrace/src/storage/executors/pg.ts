import { MillraceError } from '../../core/errors.ts';
import type { Executor } from '../../core/transaction.ts';

/** The part of a `pg` client that is looked at. */
interface PgClient {
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  getTransactionStatus?(): string | null;
}

/**
 * A `pg` client on which the user has begun a transaction.
 * @throws MILLRACE_TX_INVALID for anything else, MILLRACE_TX_NOT_OPEN for a client outside a transaction
 */
export function pgExecutor(handle: unknown): Executor {
  if (!isClient(handle)) {
    throw new MillraceError(
      'MILLRACE_TX_INVALID',
      'tx is not a connected pg client with an open transaction',
    );
  }
  const status = handle.getTransactionStatus?.();
  if (status === 'I')
    throw new MillraceError('MILLRACE_TX_NOT_OPEN', 'tx is a client outside a transaction');
  if (status === 'E') {
    throw new MillraceError(
      'MILLRACE_TX_NOT_OPEN',
      'the transaction of tx has failed and can only be rolled back',
    );
  }
  return { query: (text, values) => handle.query(text, [...values]) };
}

function isClient(handle: unknown): handle is PgClient {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'query' in handle &&
    typeof handle.query === 'function' &&
    // A pool would run every statement on another connection.
    !('totalCount' in handle)
  );
}
