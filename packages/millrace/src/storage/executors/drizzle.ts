import type { Executor } from '../../core/transaction.ts';
import { pgExecutor } from './pg.ts';
import { postgresJsExecutor } from './postgres-js.ts';
import { hasMethods, invalid } from './shape.ts';

/**
 * A transaction of Drizzle. Its statements are made with a template of Drizzle's, which is not imported here; so ours go
 * to the transaction of the driver beneath.
 */
export function drizzleExecutor(handle: unknown): Executor | undefined {
  if (!hasMethods(handle, 'execute') || !('session' in handle)) return undefined;
  if (!hasMethods(handle, 'setTransaction'))
    throw invalid('a database of Drizzle, not what db.transaction gives to its callback');
  const { client } = handle.session as { readonly client?: unknown };
  const executor = postgresJsExecutor(client) ?? pgExecutor(client);
  if (executor === undefined)
    throw invalid('a transaction of Drizzle over another driver than pg and postgres.js');
  return executor;
}
