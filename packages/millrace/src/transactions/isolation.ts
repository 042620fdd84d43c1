import { checkOptions, transactionChecks } from '../core/options.ts';
import type { IsolationLevel, TransactionSourceOptions } from '../core/transaction.ts';

/**
 * The level that is asked for, whatever the default of the library or of the database is.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID
 */
export function isolationOf(options: TransactionSourceOptions, what: string): IsolationLevel {
  return checkOptions(transactionChecks, options, what).isolation ?? 'read committed';
}

/** As in SQL. */
export function inCapitals(isolation: IsolationLevel): Uppercase<IsolationLevel> {
  return isolation.toUpperCase() as Uppercase<IsolationLevel>;
}
