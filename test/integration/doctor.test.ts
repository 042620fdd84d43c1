import { randomBytes } from 'node:crypto';
import { createMillrace, type Finding } from 'millrace';
import pg from 'pg';
import { expect, it } from 'vitest';
import { clientConfig } from '../../packages/millrace/src/storage/connection.ts';
import { namesOf } from '../../packages/millrace/src/storage/names.ts';
import { PgHealthReader } from '../../packages/millrace/src/storage/operator/health-reader.ts';
import { Route } from '../../packages/millrace/src/storage/route.ts';
import { systemClock, systemTime } from '../../packages/millrace/src/system-clock.ts';
import { createTestDatabase, withAdmin, type TestDatabase } from '../helpers/database.ts';
import { createTestMillrace } from '../helpers/millrace.ts';
import { asPooler, startRewritingProxy } from '../helpers/rewriting-proxy.ts';

/** About the server that all test files share and that is tuned for them, and about databases that are copies. */
const ofTheServer = ['settings', 'connections', 'home'];

const ours = (findings: readonly Finding[]) =>
  findings.filter(({ check }) => !ofTheServer.includes(check));

const dropPartitions = `DO $$ DECLARE part text; BEGIN
  FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'millrace.job_attempt'::regclass
  LOOP EXECUTE 'DROP TABLE ' || part; END LOOP; END $$`;

const insertHistory = `INSERT INTO millrace.job_history (id, finished_at, scheduled_at, created_at, lease, priority, max_attempts,
  attempt, crashes, state, queue, kind, payload_version, payload)
  VALUES (5000, now(), now(), now(), 0, 0, 1, 1, 0, 2, 'default', 'old', 1, '{}')`;

it('a healthy database has no findings', async () => {
  await using app = await createTestMillrace();
  expect(ours(await app.millrace.doctor())).toEqual([]);
});

it('a database that was copied is told apart from its original, until one says that it is at home here', async () => {
  await using original = await createTestDatabase({ template: 'template0' });
  const open = (url: string) => createMillrace({ connection: url, logger: false });
  const strange = async (url: string) => {
    await using millrace = open(url);
    return (await millrace.doctor()).filter(({ check }) => check === 'home');
  };
  await using millrace = open(original.url);
  await millrace.migrate();
  await millrace.close();
  expect(await strange(original.url)).toEqual([]);
  await using copy = await createTestDatabase({ template: original.name });
  const [found] = await strange(copy.url);
  expect(found?.message).toContain(`was copied from the database ${original.name}: `);
  await copy.query(found?.mend ?? '');
  expect(await strange(copy.url)).toEqual([]);
  await copy.query('UPDATE millrace.home SET server = server + 1');
  const [moved] = await strange(copy.url);
  expect(moved?.message).toContain(`${copy.name} of another server: `);
});

it('a database without a schema has the one finding that says so', async () => {
  await using database = await createTestDatabase({ template: 'template0' });
  await using millrace = createMillrace({ connection: database.url, logger: false });
  expect(await millrace.doctor()).toMatchObject([{ severity: 'problem', check: 'schema' }]);
});

it.each([
  [
    'an invalid index',
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'millrace.job_unique'::regclass`,
    'indexes',
  ],
  [
    'a table without autovacuum',
    'ALTER TABLE millrace.job SET (autovacuum_enabled = off)',
    'autovacuum',
  ],
  ['a history without partitions', dropPartitions, 'partitions'],
  ['a sequence behind the jobs', insertHistory, 'ids'],
])('%s is found, and gone after what mends it was run', async (_, plant, check) => {
  await using app = await createTestMillrace();
  await app.database.query(plant);
  const found = ours(await app.millrace.doctor());
  expect(found).toMatchObject([{ severity: 'problem', check }]);
  await app.database.query(found[0]?.mend ?? '');
  expect(ours(await app.millrace.doctor())).toEqual([]);
});

it('each index of the migrated schema is missed when it is gone, and is as before after what mends it was run', async () => {
  await using app = await createTestMillrace();
  const { database, millrace } = app;
  const before = await indexesOf(database);
  for (const { name, constraint, of } of before) {
    await database.query(
      constraint ? `ALTER TABLE ${of} DROP CONSTRAINT ${name}` : `DROP INDEX millrace.${name}`,
    );
    const found = ours(await millrace.doctor());
    expect(found).toMatchObject([
      { severity: 'problem', check: 'indexes', message: `The index ${name} is missing.` },
    ]);
    await database.query(found[0]?.mend ?? '');
  }
  expect(await indexesOf(database)).toEqual(before);
  expect(ours(await millrace.doctor())).toEqual([]);
});

it('an index that has only the name of ours is found, and gone after what mends it was run as often as doctor says', async () => {
  await using app = await createTestMillrace();
  await app.database.query('DROP INDEX millrace.job_claim');
  await app.database.query('CREATE INDEX job_claim ON millrace.job (queue, id)');
  const mends: string[] = [];
  for (;;) {
    const [found] = ours(await app.millrace.doctor());
    if (found === undefined) break;
    const mend = found.mend ?? '';
    mends.push(`${found.check}: ${mend.split(' job_claim')[0]}`);
    await app.database.query(mend);
  }
  expect(mends).toEqual([
    'indexes: DROP INDEX millrace.job_claim;',
    'indexes: CREATE INDEX CONCURRENTLY',
  ]);
});

it('a claim that cannot go by its index is found in its plan', async () => {
  await using app = await createTestMillrace();
  const facts = await readFacts(app.database);
  expect(facts.claimPlan).toEqual({ read: true, value: [] });
  await app.database.query('DROP INDEX millrace.job_claim');
  const { claimPlan } = await readFacts(app.database);
  expect(claimPlan).toMatchObject({ value: [{ name: 'Seq Scan' }, { name: 'Seq Scan' }] });
});

it('open transactions, connections and the time of the server are read', async () => {
  await using app = await createTestMillrace();
  const client = await app.database.pool({ application_name: 'billing' }).connect();
  await client.query('BEGIN');
  await client.query('SELECT 1 AS invoice');
  const { activity, connections, clock } = await readFacts(app.database, -600_000);
  await client.query('COMMIT');
  client.release();
  if (!activity.read || !connections.read || !clock.read) throw new Error('not read');
  expect(activity.value.holders).toEqual([
    {
      type: 'transaction',
      name: expect.stringMatching(/^pid \d+$/) as string,
      heldMs: expect.any(Number) as number,
      detail: expect.stringMatching(
        /^billing, postgres, idle in transaction, query of .+: SELECT 1 AS invoice$/,
      ) as string,
      mend: expect.stringMatching(/^SELECT pg_terminate_backend\(\d+\);$/) as string,
    },
  ]);
  expect(connections.value.used).toBeGreaterThan(0);
  expect(clock.value.serverMs - clock.value.hereMs).toBeGreaterThan(500_000);
});

it('a pooler on the way is the one finding behind a pooler', async () => {
  await using database = await createTestDatabase();
  await using proxy = await startRewritingProxy(database.url, asPooler);
  await using millrace = createMillrace({ connection: proxy.url, logger: false });
  expect(ours(await millrace.doctor())).toMatchObject([{ check: 'pooler', severity: 'warning' }]);
});

it('silent workers, mixed releases and kinds that nobody serves are found', async () => {
  await using app = await createTestMillrace();
  await app.database.query(`
    INSERT INTO millrace.worker (no, boot, role, host, pid, version, kinds, queues, schedules, started_at, seen_at) VALUES
      (7, gen_random_uuid(), 'worker', 'h1', 1, '0.1.0', '{a}', '{default}', '{}', now(), now() - interval '10 min'),
      (8, gen_random_uuid(), 'worker', 'h2', 2, '0.2.0', '{a}', '{default}', '{}', now(), now())`);
  await app.database.query(`
    INSERT INTO millrace.job (run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, payload)
    SELECT t, t, t, 0, 1, 'default', 'orphan', '{}' FROM (SELECT now() - interval '1 min' AS t) past`);
  const found = ours(await app.millrace.doctor());
  expect(found.map(({ check }) => check).toSorted()).toEqual(['unserved', 'versions', 'workers']);
});

it('a role that may do little is told what it lacks and what it cannot see, and the grants that are named mend it', async () => {
  await using app = await createTestMillrace();
  const role = `plain_${randomBytes(4).toString('hex')}`;
  await withAdmin((admin) => admin.query(`CREATE ROLE ${role} LOGIN`));
  const connection = { ...connectionOf(app.database.url), user: role };
  const millrace = createMillrace({ connection, logger: false });
  try {
    await app.database.query('ALTER TABLE millrace.job ENABLE ROW LEVEL SECURITY');
    const before = ours(await millrace.doctor());
    const checks = new Set(before.map(({ severity, check }) => `${severity} ${check}`));
    expect(checks).toContain('problem privileges');
    expect(checks).toContain('problem row-security');
    expect(checks).toContain('unknown snapshots');
    for (const { mend, check } of before) {
      if (mend !== null && check !== 'schema') await app.database.query(mend);
    }
    expect(ours(await millrace.doctor())).toEqual([]);
  } finally {
    await millrace.close();
    await app.database.query(`DROP OWNED BY ${role}`);
    await withAdmin((admin) => admin.query(`DROP ROLE ${role}`));
  }
});

function connectionOf(url: string) {
  const { host, port, database } = new pg.Client({ connectionString: url });
  return { host, port, ...(database !== undefined && { database }) };
}

/** What doctor is told, with a clock of this machine that is off by so much. */
function readFacts({ url }: TestDatabase, skewMs = 0) {
  return new PgHealthReader({
    names: namesOf('millrace'),
    route: new Route(
      () => clientConfig(url),
      () => {},
    ),
    clock: systemClock,
    now: () => new Date(systemTime().getTime() + skewMs),
  }).read();
}

function indexesOf(database: TestDatabase) {
  return database.query<{ name: string; of: string; constraint: boolean; shown: string }>(`
    SELECT c.relname AS name, i.indrelid::regclass::text AS of, pg_get_indexdef(c.oid) AS shown,
           EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid) AS constraint
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE c.relnamespace = 'millrace'::regnamespace AND NOT c.relispartition ORDER BY 1`);
}
