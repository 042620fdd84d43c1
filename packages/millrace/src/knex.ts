export { knex, type KnexDatabase } from './transactions/knex.ts';
