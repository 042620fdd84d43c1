import pg from 'pg';
import { expect, test } from 'vitest';
import { createTestDatabase, withAdmin } from './database.ts';
import { databaseUrl } from './database-url.ts';

test('each test database is separate and is gone after it was dropped', async () => {
  const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  await one.query('CREATE TABLE only_here (id int)');
  const tables = await two.query(`SELECT 1 FROM pg_tables WHERE tablename = 'only_here'`);
  expect(tables).toEqual([]);
  await Promise.all([one.drop(), two.drop()]);
  await one.drop();
  const left = await withAdmin((admin) =>
    admin.query('SELECT 1 FROM pg_database WHERE datname = ANY($1)', [[one.name, two.name]]),
  );
  expect(left.rowCount).toBe(0);
});

test('dropping disconnects clients that a test left behind', async () => {
  const database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.url });
  const cut = new Promise<Error>((resolve) => client.on('error', resolve));
  await client.connect();
  await database.drop();
  expect(await cut).toMatchObject({ code: '57P01' });
});

test('a test database can have a stricter isolation level', async () => {
  await using database = await createTestDatabase({ isolation: 'serializable' });
  const rows = await database.query('SHOW transaction_isolation');
  expect(rows).toEqual([{ transaction_isolation: 'serializable' }]);
});

test('the connection string to another database keeps server and options', () => {
  expect(databaseUrl('postgres://postgres@/postgres?host=%2Ftmp', 'x')).toBe(
    'postgres://postgres@/x?host=%2Ftmp',
  );
  expect(databaseUrl('postgres://u:p@127.0.0.1:5432/postgres', 'x')).toBe(
    'postgres://u:p@127.0.0.1:5432/x',
  );
});
