import type { PostgresJsTransaction } from '../../core/transaction-handles.ts';
import type { Executor } from '../../core/transaction.ts';
import { answer, hasMethods, invalid } from './shape.ts';

/** The `sql` that `sql.begin` of postgres.js gives to its callback. */
export function postgresJsExecutor(handle: unknown): Executor | undefined {
  if (typeof handle !== 'function' || !hasMethods(handle, 'unsafe')) return undefined;
  if (!isTransaction(handle))
    throw invalid('an sql of postgres.js, not what sql.begin gives to its callback');
  return {
    async query(text, values) {
      // After its end the handle goes on to answer, outside any transaction: only the server can tell.
      await handle.unsafe('SAVEPOINT millrace', []);
      const [, rows] = await Promise.all([
        handle.unsafe('RELEASE SAVEPOINT millrace', []),
        handle.unsafe(text, [...values]),
      ]);
      return answer(rows);
    },
  };
}

function isTransaction(handle: unknown): handle is PostgresJsTransaction {
  return hasMethods(handle, 'unsafe', 'savepoint');
}
