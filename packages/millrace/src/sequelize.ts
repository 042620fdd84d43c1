export { sequelize, type SequelizeDatabase } from './transactions/sequelize.ts';
