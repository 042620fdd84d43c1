import type {
  IsolationLevel,
  TransactionSource,
  TransactionSourceOptions,
} from '../core/transaction.ts';
import { isolationOf } from './isolation.ts';

/** A `knex`. */
export interface KnexDatabase<Tx> {
  transaction(
    body: (trx: Tx) => Promise<void>,
    config: { isolationLevel: IsolationLevel },
  ): Promise<unknown>;
}

/** Gives handlers a transaction of Knex: `transaction: knex(db)`. */
export function knex<Tx>(
  db: KnexDatabase<Tx>,
  options: TransactionSourceOptions = {},
): TransactionSource<Tx> {
  const isolationLevel = isolationOf(options, 'knex');
  return { begin: (body) => db.transaction(body, { isolationLevel }) };
}
