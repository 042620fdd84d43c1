import type { SequelizeTransaction } from '../../core/transaction-handles.ts';
import type { Executor } from '../../core/transaction.ts';
import { answer, hasMethods, invalid, notOpen } from './shape.ts';

/** What is there beside the types of Sequelize. */
interface Opened extends SequelizeTransaction {
  readonly sequelize: { query(text: string, options: object): Promise<unknown> };
  readonly finished?: 'commit' | 'rollback';
}

/** A transaction of Sequelize. */
export function sequelizeExecutor(handle: unknown): Executor | undefined {
  if (hasMethods(handle, 'query', 'getQueryInterface'))
    throw invalid('a Sequelize, not what sequelize.transaction gives to its callback');
  if (!isTransaction(handle)) return undefined;
  if (handle.finished !== undefined) throw notOpen('a transaction of Sequelize that has ended');
  return {
    async query(text, values) {
      const options = { bind: [...values], transaction: handle, type: 'SELECT' };
      return answer(await handle.sequelize.query(text, options));
    },
  };
}

function isTransaction(handle: unknown): handle is Opened {
  return (
    hasMethods(handle, 'commit', 'rollback') &&
    'sequelize' in handle &&
    hasMethods(handle.sequelize, 'query')
  );
}
