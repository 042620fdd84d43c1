import pg from 'pg';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { dumpSchema } from '../helpers/schema-dump.ts';
import { openStorage } from '../helpers/storage.ts';

it('the migrations make the schema that test/schema.snapshot.sql shows', async () => {
  await using database = await createTestDatabase({ template: 'template0' });
  const storage = openStorage(database.url);
  await storage.migrate();
  await storage.close();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const dump = await dumpSchema(client, 'millrace');
  await client.end();
  // After an intended change: npm run schema:update
  await expect(dump).toMatchFileSnapshot('../schema.snapshot.sql');
});
