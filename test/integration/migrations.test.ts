import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { driveClock } from 'millrace/testing';
import { migrations } from '../../packages/millrace/src/storage/migrations/index.ts';
import { createProject } from '../helpers/cli.ts';
import { createTestDatabase, withAdmin, type TestDatabase } from '../helpers/database.ts';
import { createHostileSchema } from '../helpers/hostile-schema.ts';
import {
  claim,
  completed,
  identity,
  leaseOf,
  newJob,
  openStorage,
  wholePage,
} from '../helpers/storage.ts';
import { expectWorkingStorage } from '../helpers/storage-tour.ts';

const names = migrations.map(({ name }) => name);
const empty = { template: 'template0' } as const;

/** A role that may do nothing but connect and make schemas in this database, as most applications have it. */
async function createRole(database: TestDatabase): Promise<{ name: string; url: string }> {
  const name = `role_${randomBytes(6).toString('hex')}`;
  await database.query(`CREATE ROLE ${name} LOGIN`);
  await database.query(`GRANT CREATE ON DATABASE ${database.name} TO ${name}`);
  return { name, url: database.url.replace(/\/\/[^@/]*@/, `//${name}@`) };
}

async function dropRole(name: string): Promise<void> {
  await withAdmin((admin) => admin.query(`DROP ROLE ${name}`));
}

describe('migrating', () => {
  it('G20: twenty processes at once apply each migration once', async () => {
    await using database = await createTestDatabase(empty);
    using project = createProject();
    const ends = await Promise.all(
      Array.from({ length: 20 }, () =>
        project.run(['migrate', '--json'], { env: { DATABASE_URL: database.url } }),
      ),
    );
    expect(ends.map(({ exitCode, stderr }) => ({ exitCode, stderr }))).toEqual(
      ends.map(() => ({ exitCode: 0, stderr: '' })),
    );
    const applied = ends.flatMap(
      ({ stdout }) => (JSON.parse(stdout) as { applied: string[] }).applied,
    );
    expect(applied.toSorted()).toEqual(names);
    expect(await database.query('SELECT name FROM millrace.migration ORDER BY id')).toEqual(
      names.map((name) => ({ name })),
    );
  }, 60_000);

  it('shows what it would do, and does nothing, before it is done', async () => {
    await using database = await createTestDatabase(empty);
    const storage = openStorage(database.url);
    const pending = await storage.pendingMigrations();
    expect(pending.map(({ name }) => name)).toEqual(names);
    await expect(storage.verify()).rejects.toMatchObject({ code: 'MILLRACE_SCHEMA_MISSING' });
    for (const { sql } of pending) await database.query(`BEGIN; ${sql}; COMMIT`);
    await storage.verify();
    expect(await storage.migrate()).toEqual([]);
    await storage.close();
  });

  it('refuses a schema in which an applied migration differs from its own', async () => {
    await using database = await createTestDatabase();
    await database.query(`UPDATE millrace.migration SET checksum = 'other' WHERE id = 1`);
    const storage = openStorage(database.url);
    const refused = { code: 'MILLRACE_MIGRATION_CHANGED' };
    await expect(storage.verify()).rejects.toMatchObject(refused);
    await expect(storage.migrate()).rejects.toMatchObject(refused);
    await expect(storage.pendingMigrations()).rejects.toMatchObject(refused);
    await storage.close();
  });

  it('G20: works beside a newer migration that allows it, and refuses one that does not', async () => {
    await using database = await createTestDatabase();
    const newest = migrations.at(-1)?.id ?? 0;
    await database.query(
      `INSERT INTO millrace.migration (id, name, release, oldest_beside, checksum) VALUES ($1, 'newer', '9.9.9', $2, 'x')`,
      [newest + 1, newest],
    );
    const storage = openStorage(database.url);
    await storage.verify();
    expect(await storage.migrate()).toEqual([]);
    await database.query('UPDATE millrace.migration SET oldest_beside = id WHERE id = $1', [
      newest + 1,
    ]);
    const refused = { code: 'MILLRACE_SCHEMA_TOO_NEW' };
    await expect(storage.verify()).rejects.toMatchObject(refused);
    await expect(storage.migrate()).rejects.toMatchObject(refused);
    await storage.close();
  });
});

describe('G15: everything works', () => {
  it.each([
    ['that needs quoting', `Jobs "of" the 'year' 1; DROP --`],
    ['with a backslash, a dollar quote and a placeholder', `a\\b $body$ $1 %s %1$I \${x}`],
    ['of the longest length', 'ä'.repeat(31)],
    ['that is a keyword', 'select'],
    ['that begins like those of PostgreSQL', 'Pg_jobs'],
  ])('with a schema name %s', async (_, schema) => {
    await using database = await createTestDatabase(empty);
    const storage = openStorage(database.url, schema);
    await storage.migrate();
    await expectWorkingStorage(storage);
    const clock = await driveClock(database.url, { schema });
    await clock.advance('30d');
    const session = storage.session();
    expect(await session.createPartitions()).toHaveLength(3 * 8);
    expect(await session.dropPartitions({ completedMs: 0, failedMs: 0 })).toHaveLength(3 * 8);
    await clock.close();
    await storage.close();
  });

  it('with two installations in one database, which do not see each other', async () => {
    await using database = await createTestDatabase();
    const [first, second] = [openStorage(database.url), openStorage(database.url, 'second')];
    await second.migrate();
    const [job] = await first.enqueue([newJob()]);
    await expectWorkingStorage(second);
    expect((await first.finder.find({}, wholePage(10))).jobs.map(({ id }) => id)).toEqual([
      job?.id,
    ]);
    await Promise.all([first.close(), second.close()]);
  });

  it('for a role without superuser that may only create schemas in its database', async () => {
    await using database = await createTestDatabase(empty);
    const role = await createRole(database);
    const storage = openStorage(role.url);
    await storage.migrate();
    await expectWorkingStorage(storage);
    const [me] = await database.query<{ rolsuper: boolean; owner: string }>(
      `SELECT r.rolsuper, r.rolname AS owner FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
        WHERE c.oid = 'millrace.job'::regclass`,
    );
    expect(me).toEqual({ rolsuper: false, owner: role.name });
    await storage.close();
    await database.drop();
    await dropRole(role.name);
  });

  it('with a search path on which our names, and those of PostgreSQL, lead into traps', async () => {
    // Copied from the template, so that the traps can be made for our tables as well; migrated anew under the role.
    await using database = await createTestDatabase();
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    await createHostileSchema(admin, 'hostile');
    await admin.query('DROP SCHEMA millrace CASCADE');
    await admin.end();
    const role = await createRole(database);
    await database.query(`GRANT USAGE ON SCHEMA hostile TO ${role.name}`);
    await database.query(
      `ALTER ROLE ${role.name} IN DATABASE ${database.name} SET search_path = hostile, pg_catalog, public`,
    );
    const trapped = new pg.Client({ connectionString: role.url });
    await trapped.connect();
    await expect(trapped.query('SELECT 1::bigint = 1::bigint')).rejects.toThrow(
      'trapped by the operator =',
    );
    await expect(trapped.query('SELECT now()')).rejects.toThrow('trapped by the function now');
    await expect(trapped.query(`SELECT 'x'::text`)).rejects.toThrow('domain text');
    await trapped.end();

    const storage = openStorage(role.url);
    await storage.migrate();
    await expectWorkingStorage(storage);
    await storage.close();
    await database.drop();
    await dropRole(role.name);
  });

  it.each([
    ['default_transaction_isolation', 'serializable'],
    ['default_transaction_read_only', 'on'],
    ['default_transaction_deferrable', 'on'],
    ['synchronous_commit', 'off'],
    ['datestyle', 'SQL, DMY'],
    ['statement_timeout', '1min'],
  ])('under %s = %s', async (setting, value) => {
    await using database = await createTestDatabase(empty);
    await database.query(
      `ALTER DATABASE ${database.name} SET ${setting} = ${pg.escapeLiteral(value)}`,
    );
    const storage = openStorage(database.url);
    await storage.migrate();
    await expectWorkingStorage(storage);
    await storage.close();
  });
});

it('G15: under serializable, many who enqueue and claim at once get no error and every job once', async () => {
  await using database = await createTestDatabase({ isolation: 'serializable' });
  const storages = Array.from({ length: 4 }, () => openStorage(database.url));
  let enqueueing = true;
  const enqueue = Promise.all(
    storages.map(async (storage, index) => {
      for (let round = 0; round < 15; round++) {
        await storage.enqueue([
          newJob(),
          newJob({ uniqueKey: `${round}` }),
          newJob({ queue: `${index}` }),
        ]);
      }
    }),
  ).finally(() => (enqueueing = false));
  const taken: string[] = [];
  const drain = storages.map(async (storage, index) => {
    const session = storage.session();
    const no = 100 + index;
    await session.register(identity(no));
    for (let count = 1; ; count++) {
      const last = !enqueueing;
      const jobs = await claim(session, no, count, { limit: 5 });
      taken.push(...jobs.map(({ id }) => id));
      const lease = leaseOf(no, count);
      let open = jobs.map(({ id }) => id);
      while (open.length > 0) {
        const answers = await session.settle(
          open.map((id) => ({ id, lease, settlement: completed })),
        );
        // The claim of another worker may hold a row for the moment in which it finds it taken.
        open = answers.filter(({ status }) => status === 'busy').map(({ id }) => id);
        expect(answers.map(({ status }) => status)).not.toContain('lost');
      }
      if (jobs.length === 0 && last) return;
    }
  });
  await Promise.all([enqueue, ...drain]);
  expect(new Set(taken).size).toBe(taken.length);
  const rows = await database.query<{ id: string }>(
    `SELECT id FROM millrace.jobs WHERE queue = 'default' AND state = 'completed'`,
  );
  expect(rows.map(({ id }) => id).toSorted()).toEqual(taken.toSorted());
  expect(await database.query(`SELECT FROM millrace.job WHERE queue = 'default'`)).toEqual([]);
  await Promise.all(storages.map((storage) => storage.close()));
});
