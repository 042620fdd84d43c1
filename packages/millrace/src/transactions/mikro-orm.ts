import type {
  IsolationLevel,
  TransactionSource,
  TransactionSourceOptions,
} from '../core/transaction.ts';
import { isolationOf } from './isolation.ts';

/** An instance of MikroORM. */
export interface MikroOrmInstance<Tx> {
  readonly em: {
    fork(): Tx & {
      transactional(
        body: (em: Tx) => Promise<void>,
        options: { isolationLevel: IsolationLevel },
      ): Promise<unknown>;
    };
  };
}

/**
 * Gives handlers a forked entity manager of MikroORM with a transaction: `transaction: mikroOrm(orm)`. It is flushed before the
 * commit.
 */
export function mikroOrm<Tx>(
  orm: MikroOrmInstance<Tx>,
  options: TransactionSourceOptions = {},
): TransactionSource<Tx> {
  const isolationLevel = isolationOf(options, 'mikroOrm');
  return { begin: (body) => orm.em.fork().transactional(body, { isolationLevel }) };
}
