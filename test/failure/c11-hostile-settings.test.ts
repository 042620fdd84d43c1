import { startDevDatabase } from '@millrace/dev-db';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { failing, held, short } from '../fixtures/jobs.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';
import { durable } from '../helpers/own-server.ts';
import { expectWorkingStorage } from '../helpers/storage-tour.ts';
import { newJob, openStorage } from '../helpers/storage.ts';

/** Texts of times, numbers and bytes that differ from those of everybody else. */
const oddDefaults = {
  datestyle: 'SQL, DMY',
  timezone: 'Asia/Kathmandu',
  intervalstyle: 'sql_standard',
  extra_float_digits: '-10',
  bytea_output: 'escape',
  synchronous_commit: 'off',
};

describe('everything works', () => {
  it('C11: G15: whatever way the database writes times and numbers by default', async () => {
    await using database = await createTestDatabase();
    for (const [name, value] of Object.entries(oddDefaults))
      await database.query(`ALTER DATABASE ${database.name} SET ${name} = '${value}'`);
    const storage = openStorage(database.url);
    await expectWorkingStorage(storage);
    const [made] = await storage.enqueue([
      newJob({ scheduledAt: new Date('2031-02-03T04:05:06Z') }),
    ]);
    const { scheduledAt } = (await storage.get(made?.id ?? '', 1)) ?? {};
    expect(scheduledAt).toEqual(new Date('2031-02-03T04:05:06Z'));
    await storage.close();
  });

  it('C11: beside a publication of all tables, which wants to know each changed row', async () => {
    const settings = { ...durable.settings, wal_level: 'logical' };
    await using server = await startDevDatabase({ ...durable, settings });
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const storage = openStorage(server.url);
    await storage.migrate();
    await client.query('CREATE PUBLICATION everything FOR ALL TABLES');
    await expectWorkingStorage(storage);
    await storage.close();
    await client.end();
  });
});

it('C11: columns that a later release adds to our tables disturb no session that has prepared its statements', async () => {
  await using fleet = await Fleet.create();
  const events = [
    'claim:failed',
    'settle:retried',
    'loop:failed',
    'worker:heartbeat-failed',
  ] as const;
  const doomed = await fleet.start({ tuning: brisk, concurrency: 1 });
  const [left = ''] = await fleet.enqueue(held.with({}));
  await doomed.waitForBegan(left);
  const worker = await fleet.start({ tuning: brisk, events });
  const work = async () => {
    const [fails = '', later = ''] = await fleet.enqueue(
      failing.with({ times: 1 }),
      short.with({}, { delay: '1h' }),
    );
    await fleet.millrace.retry(later);
    await fleet.until('they are done', async () => {
      const ends = [await fleet.millrace.get(fails), await fleet.millrace.get(later)];
      return ends.every((job) => job?.state === 'completed');
    });
  };
  await work();
  const tables = await fleet.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class
      WHERE relnamespace = 'millrace'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
  );
  for (const { name } of tables) await fleet.query(`ALTER TABLE ${name} ADD COLUMN later text`);
  await work();
  await doomed.kill();
  await worker.waitForBegan(left);
  worker.letGo();
  await fleet.finished();
  for (const name of events) expect(worker.events(name)).toEqual([]);
  expect(await fleet.violations({ allFinished: true })).toEqual([]);
});

it('C11: a job brought back from the history is in the database once, under its id', async () => {
  await using fleet = await Fleet.create();
  const worker = await fleet.start();
  const [id = ''] = await fleet.enqueue(short.with({}));
  await fleet.finished();
  expect(await worker.stop()).toEqual({ code: 0, signal: null });
  expect(await fleet.millrace.retry(id)).toEqual({ status: 'available', from: 'completed' });
  const rows = await fleet.query('SELECT id::text, state FROM millrace.jobs');
  expect(rows).toEqual([{ id, state: 'available' }]);
});

it('C11: a job that would be due at infinity is refused, also by the function that other languages call', async () => {
  await using fleet = await Fleet.create();
  await expect(
    fleet.millrace.enqueue(short, {}, { scheduledAt: new Date(Number.POSITIVE_INFINITY) }),
  ).rejects.toMatchObject({ code: 'MILLRACE_OPTION_INVALID' });
  for (const at of ['infinity', '-infinity']) {
    const job = { kind: 'short', queue: 'default', priority: 0, max_attempts: 1, payload: {} };
    const jobs = JSON.stringify([{ ...job, scheduled_at: at }]);
    await expect(
      fleet.query('SELECT * FROM millrace.enqueue_jobs($1::json)', [jobs]),
    ).rejects.toMatchObject({ code: '23514' });
  }
  expect(await fleet.unfinished()).toBe(0);
});
