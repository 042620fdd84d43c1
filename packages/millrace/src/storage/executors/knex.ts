import type { KnexTransaction } from '../../core/transaction-handles.ts';
import type { Executor } from '../../core/transaction.ts';
import { answer, hasMethods, invalid, notOpen } from './shape.ts';

/** A transaction of Knex. */
export function knexExecutor(handle: unknown): Executor | undefined {
  if (typeof handle !== 'function' || !hasMethods(handle, 'raw')) return undefined;
  if (!isTransaction(handle))
    throw invalid('a knex, not what knex.transaction gives to its callback');
  if (handle.isCompleted()) throw notOpen('a transaction of Knex that has ended');
  return {
    async query(text, values) {
      try {
        const result = await handle.raw(...positional(text, values));
        return answer((result as { readonly rows: unknown }).rows);
      } catch (error) {
        throw withoutStatement(error);
      }
    },
  };
}

function isTransaction(handle: unknown): handle is KnexTransaction {
  return hasMethods(handle, 'raw', 'isCompleted');
}

/** Knex numbers parameters by itself: `?` for each, in their order, once for each time that they occur. */
function positional(
  text: string,
  values: readonly (string | null)[],
): [text: string, values: (string | null)[]] {
  const occurring: (string | null)[] = [];
  const template = text.replaceAll('?', '\\?').replaceAll(/\$(\d+)/g, (_, number: string) => {
    occurring.push(values[Number(number) - 1] ?? null);
    return '?';
  });
  return [template, occurring];
}

/** Knex puts the whole statement before what the server said. */
function withoutStatement(error: unknown): unknown {
  if (error instanceof Error) error.message = error.message.split(' - ').at(-1) ?? '';
  return error;
}
