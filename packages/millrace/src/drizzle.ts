/**
 * Handlers in a transaction of Drizzle.
 *
 * @module millrace/drizzle
 */
export { drizzle, type DrizzleDatabase } from './transactions/drizzle.ts';
