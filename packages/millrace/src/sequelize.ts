/**
 * Handlers in a transaction of Sequelize.
 *
 * @module millrace/sequelize
 */
export { sequelize, type SequelizeDatabase } from './transactions/sequelize.ts';
