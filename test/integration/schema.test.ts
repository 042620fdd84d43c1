import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../helpers/database.ts';
import { dumpSchema, listIndexes } from '../helpers/schema-dump.ts';
import { openStorage } from '../helpers/storage.ts';

it('the migrations make the schema that test/schema.snapshot.sql shows', async () => {
  await using database = await createTestDatabase({ template: 'template0' });
  const storage = openStorage(database.url);
  await storage.migrate();
  await storage.close();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const dump = await dumpSchema(client, 'millrace');
  const indexes = await listIndexes(client, 'millrace');
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  await client.end();
  // After an intended change: npm run schema:update
  if ((rows[0]?.version ?? 0) < 160_000) {
    // They write the columns of a view of one table in another way.
    const snapshot = readFileSync(resolve(import.meta.dirname, '../schema.snapshot.sql'), 'utf8');
    expect(withoutViews(dump)).toBe(withoutViews(snapshot));
  } else await expect(dump).toMatchFileSnapshot('../schema.snapshot.sql');
  await expect(indexModule(indexes)).toMatchFileSnapshot(
    '../../packages/millrace/src/storage/sql/migrated-indexes.ts',
  );
});

function withoutViews(text: string): string {
  return text.replaceAll(/^CREATE VIEW [^]+?;$/gm, '');
}

/** What `doctor` looks for. */
const indexModule = (lines: readonly string[]) => `/**
 * The indexes that the migrations make, those of constraints after the constraint. Written by \`npm run schema:update\`.
 */
export const migratedIndexes = \`
${lines.join('\n')}
\`
  .trim()
  .split('\\n');
`;
