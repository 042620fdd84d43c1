import type {
  IsolationLevel,
  TransactionSource,
  TransactionSourceOptions,
} from '../core/transaction.ts';
import { inCapitals, isolationOf } from './isolation.ts';

/** A data source of TypeORM; it may be initialized later. */
export interface TypeOrmDataSource<Tx> {
  transaction(
    isolation: Uppercase<IsolationLevel>,
    body: (manager: Tx) => Promise<void>,
  ): Promise<unknown>;
}

/** Gives handlers an entity manager of TypeORM with a transaction: `transaction: typeorm(dataSource)`. */
export function typeorm<Tx>(
  dataSource: TypeOrmDataSource<Tx>,
  options: TransactionSourceOptions = {},
): TransactionSource<Tx> {
  const isolation = inCapitals(isolationOf(options, 'typeorm'));
  return { begin: (body) => dataSource.transaction(isolation, body) };
}
