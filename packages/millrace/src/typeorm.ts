/**
 * Handlers in a transaction of TypeORM.
 *
 * @module millrace/typeorm
 */
export { typeorm, type TypeOrmDataSource } from './transactions/typeorm.ts';
