import type { TransactionSource, TransactionSourceOptions } from '../core/transaction.ts';
import { inCapitals, isolationOf } from './isolation.ts';

/** A Sequelize. The second form is not called: only there the compiler sees the type of the transaction. */
export interface SequelizeDatabase<Tx> {
  transaction(options: object, body: (transaction: Tx) => Promise<void>): Promise<unknown>;
  transaction(options?: object): Promise<Tx>;
}

/** Gives handlers a transaction of Sequelize, to be passed to its calls: `transaction: sequelize(db)`. */
export function sequelize<Tx>(
  db: SequelizeDatabase<Tx>,
  options: TransactionSourceOptions = {},
): TransactionSource<Tx> {
  const isolationLevel = inCapitals(isolationOf(options, 'sequelize'));
  return { begin: (body) => db.transaction({ isolationLevel }, body) };
}
