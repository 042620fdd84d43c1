import type {
  IsolationLevel,
  TransactionSource,
  TransactionSourceOptions,
} from '../core/transaction.ts';
import { isolationOf } from './isolation.ts';

/** A database of Kysely. */
export interface KyselyDatabase<Tx> {
  transaction(): {
    setIsolationLevel(isolation: IsolationLevel): {
      execute(body: (trx: Tx) => Promise<void>): Promise<unknown>;
    };
  };
}

/** Gives handlers a transaction of Kysely: `transaction: kysely(db)`. */
export function kysely<Tx>(
  db: KyselyDatabase<Tx>,
  options: TransactionSourceOptions = {},
): TransactionSource<Tx> {
  const isolation = isolationOf(options, 'kysely');
  return { begin: (body) => db.transaction().setIsolationLevel(isolation).execute(body) };
}
