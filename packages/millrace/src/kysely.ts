/**
 * Handlers in a transaction of Kysely.
 *
 * @module millrace/kysely
 */
export { kysely, type KyselyDatabase } from './transactions/kysely.ts';
