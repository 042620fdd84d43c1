export { kysely, type KyselyDatabase } from './transactions/kysely.ts';
