import type { Executor } from '../../core/transaction.ts';
import { kyselyExecutor } from './kysely.ts';
import { hasMethods, notOpen } from './shape.ts';

/** An entity manager of MikroORM inside `em.transactional`; beneath is a transaction of Kysely. */
export function mikroOrmExecutor(handle: unknown): Executor | undefined {
  if (!hasMethods(handle, 'getTransactionContext')) return undefined;
  const executor = kyselyExecutor(handle.getTransactionContext());
  if (executor === undefined) throw notOpen('an entity manager of MikroORM outside a transaction');
  return executor;
}
