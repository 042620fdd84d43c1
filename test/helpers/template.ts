import pg from 'pg';
import { databaseUrl } from './database-url.ts';
import { openStorage } from './storage.ts';

export const templateName = 'millrace_template';

/** Makes the database that test databases are copied from, which is much faster than migrating each of them. */
export async function prepareTemplate(adminUrl: string): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    await admin.query(`CREATE DATABASE ${templateName} TEMPLATE template0`);
  } finally {
    await admin.end();
  }
  const storage = openStorage(databaseUrl(adminUrl, templateName));
  await storage.migrate();
  await storage.close();
}
