import { AsyncLocalStorage } from 'node:async_hooks';
import type { Executor, TransactionSource } from '../core/transaction.ts';
import type { Row } from './connection.ts';
import { explainInTransaction } from './errors.ts';
import type { Statement } from './sql/statement.ts';

/** A transaction that was begun for a claimed job: on a connection of our own, or by a library of the user's. */
export interface OpenTransaction {
  /** What the handler gets. */
  readonly tx: unknown;
  /** Whether `commit` rejects when the server has rolled back instead; libraries may take that for a commit. */
  readonly tellsOutcome: boolean;
  /** Calls `body` where the library's own context of the transaction holds. */
  within<T>(body: () => T): T;
  /** Parameters are texts. */
  run(statement: Statement, values: readonly string[]): Promise<Row[]>;
  commit(): Promise<void>;
  /** Never rejects, and does nothing when the transaction has ended. */
  rollback(): Promise<void>;
}

/**
 * Libraries open a transaction around a callback and end it by what becomes of that. Here the callback waits for what is
 * decided outside.
 */
export async function openBySource(
  source: TransactionSource<unknown>,
  executorOf: (tx: unknown) => Executor,
): Promise<OpenTransaction> {
  const begun = Promise.withResolvers<Pick<OpenTransaction, 'tx' | 'run' | 'within'>>();
  const decided = Promise.withResolvers<void>();
  const ended = source.begin(async (tx) => {
    const executor = executorOf(tx);
    begun.resolve({
      tx,
      async run({ text }, values) {
        const { rows } = await executor.query(text, values).catch((error: unknown) => {
          throw explainInTransaction(error);
        });
        return rows;
      },
      within: AsyncLocalStorage.snapshot(),
    });
    await decided.promise;
  });
  ended.then(begun.reject, begun.reject);
  return {
    ...(await begun.promise),
    tellsOutcome: false,
    async commit() {
      decided.resolve();
      await ended;
    },
    async rollback() {
      decided.reject(new Error('the transaction is undone'));
      await ended.catch(() => {});
    },
  };
}
