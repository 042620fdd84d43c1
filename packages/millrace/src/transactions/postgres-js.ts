import type { TransactionSource, TransactionSourceOptions } from '../core/transaction.ts';
import { isolationOf } from './isolation.ts';

/** The `sql` of postgres.js. */
export interface PostgresJsSql<Tx> {
  begin(options: string, body: (sql: Tx) => Promise<void>): Promise<unknown>;
}

/** Gives handlers a transaction of postgres.js: `transaction: postgresJs(sql)`. */
export function postgresJs<Tx>(
  sql: PostgresJsSql<Tx>,
  options: TransactionSourceOptions = {},
): TransactionSource<Tx> {
  const isolation = isolationOf(options, 'postgresJs');
  return { begin: (body) => sql.begin(`isolation level ${isolation}`, body) };
}
