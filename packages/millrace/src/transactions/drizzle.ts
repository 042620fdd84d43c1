import type {
  IsolationLevel,
  TransactionSource,
  TransactionSourceOptions,
} from '../core/transaction.ts';
import { isolationOf } from './isolation.ts';

/** A database of Drizzle over `pg` or postgres.js. */
export interface DrizzleDatabase<Tx> {
  transaction(
    body: (tx: Tx) => Promise<void>,
    config: { isolationLevel: IsolationLevel },
  ): Promise<unknown>;
}

/** Gives handlers a transaction of Drizzle: `transaction: drizzle(db)`. */
export function drizzle<Tx>(
  db: DrizzleDatabase<Tx>,
  options: TransactionSourceOptions = {},
): TransactionSource<Tx> {
  const isolationLevel = isolationOf(options, 'drizzle');
  return { begin: (body) => db.transaction(body, { isolationLevel }) };
}
