import pg from 'pg';
import { createTestDatabase } from '../helpers/database.ts';
import { openStorage } from '../helpers/storage.ts';
import { storageSuite } from './storage-suite.ts';

storageSuite('PostgreSQL', async (workers) => {
  const database = await createTestDatabase();
  const storages = Array.from({ length: workers + 1 }, () => openStorage(database.url));
  const [others, ...own] = storages;
  if (others === undefined) throw new Error('there is no storage');
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  return {
    workers: own,
    others,
    async hold(id) {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM millrace.job WHERE id = $1 FOR UPDATE', [id]);
      return async () => {
        await holder.query('ROLLBACK');
      };
    },
    async [Symbol.asyncDispose]() {
      await holder.end();
      await Promise.all(storages.map((storage) => storage.close()));
      await database.drop();
    },
  };
});
