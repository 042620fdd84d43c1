import type { TypeOrmManager, TypeOrmRunner } from '../../core/transaction-handles.ts';
import type { Executor } from '../../core/transaction.ts';
import { answer, hasMethods, invalid, notOpen } from './shape.ts';

/** An entity manager or a query runner of TypeORM with an open transaction. */
export function typeOrmExecutor(handle: unknown): Executor | undefined {
  if (!hasMethods(handle, 'query')) return undefined;
  if (hasMethods(handle, 'createQueryRunner'))
    throw invalid('a data source of TypeORM, not what its transaction gives to the callback');
  const runner = runnerOf(handle);
  if (runner === null) return undefined;
  if (runner?.isTransactionActive !== true) throw notOpen('of TypeORM and outside a transaction');
  return { query: async (text, values) => answer(await runner.query(text, [...values])) };
}

/** Undefined for a manager without a runner, null for what is not of TypeORM. */
function runnerOf(handle: unknown): TypeOrmRunner | undefined | null {
  if (hasMethods(handle, 'startTransaction')) return handle as unknown as TypeOrmRunner;
  return hasMethods(handle, 'createQueryBuilder') ? (handle as TypeOrmManager).queryRunner : null;
}
