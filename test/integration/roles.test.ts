import { defineJob, every, type Grants } from 'millrace';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { clientConfig } from '../../packages/millrace/src/storage/connection.ts';
import { Housekeeping } from '../../packages/millrace/src/storage/housekeeping.ts';
import { namesOf } from '../../packages/millrace/src/storage/names.ts';
import { Route } from '../../packages/millrace/src/storage/route.ts';
import { composeMillrace } from '../../packages/millrace/src/runtime.ts';
import { createProject, expectFailure } from '../helpers/cli.ts';
import { createTestMillrace, shrunk } from '../helpers/millrace.ts';
import { createTestRole, type TestRole } from '../helpers/roles.ts';
import { until } from '../helpers/until.ts';

const ran: string[] = [];
const job = defineJob({
  kind: 'noted',
  payload: z.object({ secret: z.string() }),
  handler(_, { id }) {
    ran.push(id);
    return { secret: 'of the result' };
  },
});
const hourly = defineJob({ kind: 'hourly', schedule: every('1h'), handler() {} });

/** A migrated database and a role that was given what it is for. */
async function openAs(as: keyof Grants) {
  const app = await createTestMillrace({ jobs: [job, hourly] });
  const role = await createTestRole(app.database);
  await app.database.query(app.millrace.grants({ [as]: [role.name] }));
  const millrace = millraceAs(role);
  return {
    app,
    role,
    millrace,
    owner: app.database,
    async [Symbol.asyncDispose]() {
      await millrace.close();
      await role[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}

function millraceAs({ connection }: TestRole) {
  return composeMillrace({ connection, logger: false, jobs: [job, hourly] }, shrunk);
}

/** What nobody may do who does not work here. */
const forWorkers = [
  `UPDATE millrace.job SET state = 1, lease = 1`,
  `UPDATE millrace.job SET run_at = now()`,
  `DELETE FROM millrace.job`,
  `SELECT payload FROM millrace.job`,
  `SELECT * FROM millrace.job`,
  `SELECT id FROM millrace.job FOR UPDATE`,
  `SELECT payload FROM millrace.job_history`,
  `SELECT error FROM millrace.job_attempt`,
  `INSERT INTO millrace.worker_dead (no, died_at, reason) VALUES (1, now(), '')`,
  `INSERT INTO millrace.queue_pause VALUES ('default', now(), '', '')`,
  `INSERT INTO millrace.cancel_request VALUES (1, now(), '')`,
  `SELECT millrace.cancel(1)`,
  `SELECT millrace.retry(1)`,
  `SELECT millrace.pause('default')`,
  `SELECT millrace.resume('default')`,
  `SELECT millrace.cancel_job(1, '')`,
  `SELECT millrace.drop_partition('job_attempt_20200101')`,
  `DELETE FROM millrace.migration`,
  `CREATE TABLE millrace.mine (a int)`,
  `TRUNCATE millrace.job`,
];

async function expectRefused(role: TestRole, texts: readonly string[]): Promise<void> {
  for (const text of texts) expect(`${await role.refused(text)} ${text}`).toMatch(/^42501 /);
}

it('a producer enqueues, by the library and in SQL, and can neither claim, change nor read', async () => {
  await using setting = await openAs('producer');
  const { millrace, role, owner } = setting;
  await millrace.verify();
  const many = Array.from({ length: 3 }, () => job.with({ secret: 'theirs' }));
  const answers = [
    await millrace.enqueue(job, { secret: 'theirs' }),
    await millrace.enqueue(job, { secret: 'theirs' }, { uniqueKey: 'k', delay: '1h' }),
    await millrace.enqueue(job, { secret: 'theirs' }, { uniqueKey: 'k' }),
    ...(await millrace.enqueueMany(many)),
    await millrace.transaction((tx) => millrace.enqueue(job, { secret: 'theirs' }, { tx })),
  ];
  expect(answers.map(({ status }) => status)).toEqual([
    'created',
    'created',
    'deduplicated',
    ...Array.from({ length: 4 }, () => 'created'),
  ]);
  await role.query(
    `SELECT millrace.enqueue('noted', '{"secret": "theirs"}', '{"uniqueKey": "k2"}')`,
  );
  expect(await owner.query('SELECT FROM millrace.job')).toHaveLength(7);

  await expectRefused(role, [...forWorkers, 'SELECT * FROM millrace.jobs']);
  expect(await role.refused('SELECT millrace.cancel(1)')).toBe(
    `42501 MILLRACE_DB_PERMISSION: the role ${role.name} may not cancel jobs`,
  );
  await expect(millrace.createWorker().start()).rejects.toMatchObject({
    code: 'MILLRACE_DB_PERMISSION',
  });
  await expect(millrace.get('1')).rejects.toMatchObject({ code: 'MILLRACE_DB_PERMISSION' });
});

it('G26: a reader sees jobs without their payloads and results, and changes nothing', async () => {
  await using setting = await openAs('reader');
  const { app, role, owner } = setting;
  const { id } = await app.millrace.enqueue(job, { secret: 'theirs' });
  await using worker = app.millrace.createWorker();
  await worker.start();
  await until('it is finished', async () => (await app.millrace.get(id))?.state === 'completed');
  await app.millrace.enqueue(job, { secret: 'theirs' }, { delay: '1h', tags: ['visible'] });
  await owner.query(`SELECT millrace.pause('mail', 'down')`);

  for (const view of ['jobs', 'history', 'queues', 'schedules', 'workers']) {
    const rows = await role.query(`TABLE millrace.${view}`);
    if (view !== 'schedules') expect(rows).not.toEqual([]);
    expect(JSON.stringify(rows)).not.toMatch(/theirs|of the result/);
  }
  expect(
    await role.query('SELECT state, payload, tags, result FROM millrace.jobs ORDER BY id'),
  ).toEqual([
    { state: 'completed', payload: '[redacted]', tags: [], result: '[redacted]' },
    { state: 'scheduled', payload: '[redacted]', tags: ['visible'], result: null },
  ]);
  // Neither can a condition find out what is in them.
  expect(await role.query(`SELECT FROM millrace.jobs WHERE payload::text LIKE '%theirs%'`)).toEqual(
    [],
  );
  expect(await owner.query('SELECT payload FROM millrace.jobs ORDER BY id')).toEqual([
    { payload: { secret: 'theirs' } },
    { payload: { secret: 'theirs' } },
  ]);
  await expectRefused(role, [
    ...forWorkers,
    `SELECT millrace.enqueue('noted')`,
    `INSERT INTO millrace.job (run_at) VALUES (now())`,
  ]);
});

it('a worker that owns nothing runs jobs and schedules, operates and keeps house', async () => {
  await using setting = await openAs('worker');
  const { millrace, role, owner } = setting;
  await owner.query(`
    CREATE TABLE millrace.job_attempt_20200101 (LIKE millrace.job_attempt INCLUDING ALL);
    CREATE TABLE millrace.job_history_ended_20200101 (LIKE millrace.job_history_ended INCLUDING ALL);
    ALTER TABLE millrace.job_history_ended ATTACH PARTITION millrace.job_history_ended_20200101
      FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-01-02 00:00:00+00')`);
  // The schema may have been made before midnight.
  await owner.query('SELECT millrace.create_partitions()');
  const [{ last } = { last: '' }] = await owner.query<{ last: string }>(
    `SELECT max(inhrelid::regclass::text) AS last FROM pg_inherits WHERE inhparent = 'millrace.job_attempt'::regclass`,
  );
  await owner.query(`DROP TABLE ${last}`);
  const house = new Housekeeping(
    new Route(
      () => clientConfig(role.connection),
      () => {},
    ),
    namesOf('millrace'),
  );
  expect(await house.dropPartitions({ completedMs: 86_400_000, failedMs: 86_400_000 })).toEqual([
    'job_attempt_20200101',
    'job_history_ended_20200101',
  ]);
  expect(await house.createPartitions()).toEqual([last.replace('millrace.', '')]);

  await using worker = millrace.createWorker();
  await using scheduler = millrace.createScheduler();
  await worker.start();
  await scheduler.start();
  const { id } = await millrace.enqueue(job, { secret: 'theirs' });
  await until('it ran', () => ran.includes(id));
  const later = await millrace.enqueue(job, { secret: 'theirs' }, { delay: '1h' });
  expect(await millrace.cancel(later.id)).toMatchObject({ status: 'cancelled' });
  expect(await millrace.retry(later.id)).toMatchObject({ status: 'available' });
  await role.query(
    `SELECT millrace.pause('other'), millrace.resume('other'), millrace.retry(${id})`,
  );
  expect((await millrace.get(id))?.payload).toEqual({ secret: 'theirs' });
  expect((await millrace.doctor()).filter(({ check }) => check === 'privileges')).toEqual([]);

  await owner.query('CREATE TABLE millrace.of_a_later_release (a int)');
  await role.query('INSERT INTO millrace.of_a_later_release VALUES (1)');
  const today = `job_attempt_${new Date().toISOString().slice(0, 10).replaceAll('-', '')}`;
  expect(await role.refused(`SELECT millrace.drop_partition('${today}')`)).toMatch(
    /^22023 .+ is over$/,
  );
  expect(await role.refused(`SELECT millrace.drop_partition('job')`)).toMatch(/^22023 /);
  await expectRefused(role, [
    'ALTER TABLE millrace.job ADD COLUMN mine int',
    'CREATE TABLE millrace.mine (a int)',
    `UPDATE millrace.migration SET checksum = ''`,
    'TRUNCATE millrace.job',
  ]);
});

it("types that a caller made are never used with the owner's rights", async () => {
  await using setting = await openAs('worker');
  const { role, owner } = setting;
  await owner.query(`GRANT TEMPORARY ON DATABASE ${owner.name} TO ${role.name}`);
  for (const type of ['text', 'date', 'json', 'timestamptz', 'record', 'jsonb']) {
    await role.query(
      `CREATE DOMAIN pg_temp.${type} AS pg_catalog.${type === 'record' ? 'text' : type} CHECK (false)`,
    );
  }
  await owner.query(
    'CREATE TABLE millrace.job_attempt_20200101 (LIKE millrace.job_attempt INCLUDING ALL)',
  );
  const calls = [
    'create_partitions()',
    `drop_partition('job_attempt_20200101')`,
    'queue_depths()',
    'running_jobs()',
    `finished_lately('1 minute', 10)`,
    `estimated_jobs('default', '-infinity', 'infinity')`,
  ];
  for (const call of calls) {
    await expect(role.query(`SELECT FROM millrace.${call}`)).resolves.toBeDefined();
  }
});

it('every function that runs with the rights of its owner has a search path that ends with pg_temp', async () => {
  await using app = await createTestMillrace();
  const found = await app.database.query<{ name: string; config: string[] | null }>(
    `SELECT proname AS name, proconfig AS config FROM pg_proc WHERE pronamespace = 'millrace'::regnamespace AND prosecdef`,
  );
  expect(found.length).toBeGreaterThan(5);
  expect(
    found.filter(({ config }) => config?.includes('search_path=pg_catalog, pg_temp') !== true),
  ).toEqual([]);
});

it('what grants prints takes away what a role had before, and a role may be for several things', async () => {
  await using setting = await openAs('worker');
  const { app, role, owner } = setting;
  await owner.query(app.millrace.grants({ producer: [role.name], reader: [role.name] }));
  await role.query(`SELECT millrace.enqueue('noted', '{"secret": "theirs"}')`);
  expect(await role.query('SELECT payload FROM millrace.jobs')).toEqual([
    { payload: '[redacted]' },
  ]);
  await owner.query('CREATE TABLE millrace.of_a_later_release (a int)');
  await expectRefused(role, [...forWorkers, 'SELECT FROM millrace.of_a_later_release']);
});

it('millrace grants prints SQL for the schema of the configuration, without a database', async () => {
  using project = createProject({
    'millrace.config.ts': `
      import { createMillrace } from 'millrace';
      export default createMillrace({ schema: 'jobs of us' });`,
  });
  const [printed, json, none] = await Promise.all([
    project.run(['grants', '--producer', 'web', 'Shop', '--reader', 'metabase']),
    project.run(['grants', '--worker', 'jobs', '--json']),
    project.run(['grants']),
  ]);
  expect(printed).toMatchObject({ exitCode: 0, stderr: '' });
  expect(printed.stdout).toMatch(/^-- Run this as the owner[^]+\nBEGIN;\n[^]+\nCOMMIT;\n$/);
  expect(printed.stdout).toContain('GRANT USAGE ON SEQUENCE "jobs of us".job_id_seq TO "Shop";');
  expect(JSON.parse(json.stdout)).toEqual({
    sql: expect.stringContaining('ALTER DEFAULT PRIVILEGES IN SCHEMA "jobs of us" GRANT') as string,
  });
  expectFailure(none, 'MILLRACE_ARGUMENT_INVALID', '--producer');
});
