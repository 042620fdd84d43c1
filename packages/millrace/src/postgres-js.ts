/**
 * Handlers in a transaction of postgres.js.
 *
 * @module millrace/postgres-js
 */
export { postgresJs, type PostgresJsSql } from './transactions/postgres-js.ts';
