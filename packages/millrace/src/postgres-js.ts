export { postgresJs, type PostgresJsSql } from './transactions/postgres-js.ts';
