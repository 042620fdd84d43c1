/**
 * Handlers in a transaction of Knex.
 *
 * @module millrace/knex
 */
export { knex, type KnexDatabase } from './transactions/knex.ts';
