import type { KyselyTransaction } from '../../core/transaction-handles.ts';
import type { Executor } from '../../core/transaction.ts';
import { answer, hasMethods, invalid, notOpen } from './shape.ts';

/** A transaction of Kysely, whatever its dialect runs on. */
export function kyselyExecutor(handle: unknown): Executor | undefined {
  if (!hasMethods(handle, 'executeQuery')) return undefined;
  if (!isTransaction(handle))
    throw invalid('a database of Kysely, not what transaction().execute gives to its callback');
  return {
    async query(text, values) {
      try {
        const { rows } = await handle.executeQuery({
          sql: text,
          parameters: values,
          query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
          queryId: { queryId: 'millrace' },
        });
        return answer(rows);
      } catch (error) {
        // It says so in words only.
        const ended = error instanceof Error && error.message.startsWith('Transaction is already ');
        throw ended ? notOpen('a transaction of Kysely that has ended', { cause: error }) : error;
      }
    },
  };
}

function isTransaction(handle: object): handle is KyselyTransaction {
  return 'isTransaction' in handle && handle.isTransaction === true;
}
