import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { withAdmin, type TestDatabase } from './database.ts';

/** A role of the server that may log in and nothing else, for one database. */
export interface TestRole extends AsyncDisposable {
  readonly name: string;
  readonly connection: { readonly host: string; readonly port: number; readonly user: string };
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** The error that the statement ends with: its SQLSTATE and the first words, as a line. */
  refused(text: string): Promise<string>;
}

export async function createTestRole(database: TestDatabase): Promise<TestRole> {
  const name = `role_${randomBytes(6).toString('hex')}`;
  await withAdmin((admin) => admin.query(`CREATE ROLE ${name} LOGIN`));
  const at = new pg.Client({ connectionString: database.url });
  const connection = { host: at.host, port: at.port, database: database.name, user: name };
  const pool = new pg.Pool({ ...connection, max: 1 });
  pool.on('error', () => {});
  const query = async <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
    (await pool.query<Row>(text, values)).rows;
  return {
    name,
    connection,
    query,
    async refused(text) {
      try {
        await query(text);
      } catch (error) {
        if (error instanceof pg.DatabaseError) return `${error.code} ${error.message}`;
        throw error;
      }
      throw new Error(`not refused: ${text}`);
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.query(`DROP OWNED BY ${name}`);
      await withAdmin((admin) => admin.query(`DROP ROLE ${name}`));
    },
  };
}
