import { randomBytes } from 'node:crypto';
import { createMillrace, type Finding } from 'millrace';
import pg from 'pg';
import { expect, it } from 'vitest';
import { createTestDatabase, withAdmin } from '../helpers/database.ts';
import { createTestMillrace } from '../helpers/millrace.ts';

/** About the server that all test files share, and that is tuned for them. */
const ofTheServer = ['settings', 'connections'];

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

it('a database without a schema has the one finding that says so', async () => {
  await using database = await createTestDatabase({ template: 'template0' });
  await using millrace = createMillrace({ connection: database.url, logger: false });
  expect(await millrace.doctor()).toMatchObject([{ severity: 'problem', check: 'schema' }]);
});

it.each([
  ['a missing index of claims', 'DROP INDEX millrace.job_claim', 'indexes'],
  ['a missing index of unique keys', 'DROP INDEX millrace.job_unique', 'indexes'],
  ['a missing index of the history', 'DROP INDEX millrace.job_history_id', 'indexes'],
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
    // What it reads but a worker needs no privilege for.
    await app.database.query(`GRANT SELECT ON millrace.migration TO ${role}`);
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
