/**
 * Handlers in a transaction of MikroORM.
 *
 * @module millrace/mikro-orm
 */
export { mikroOrm, type MikroOrmInstance } from './transactions/mikro-orm.ts';
