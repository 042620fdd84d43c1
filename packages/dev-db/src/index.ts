/**
 * A real PostgreSQL for development and tests: installed by npm, started in a fraction of a second, gone with the
 * process that started it.
 *
 * @module @millrace/dev-db
 */
export { startDevDatabase, type DevDatabase } from './dev-database.ts';
export { DevDatabaseError, type DevDatabaseErrorCode } from './errors.ts';
export type { DevDatabaseOptions } from './options.ts';
export type { StopMode } from './server.ts';
