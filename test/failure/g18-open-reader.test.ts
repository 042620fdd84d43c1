import pg from 'pg';
import { expect, it, vi } from 'vitest';
import { held, short } from '../fixtures/jobs.ts';
import { brisk, Fleet } from '../helpers/fleet.ts';
import { openStorage } from '../helpers/storage.ts';

vi.setConfig({ testTimeout: 60_000 });

const dayMs = 86_400_000;
const keep = { completedMs: dayMs, failedMs: dayMs };
const expired = 'job_history_completed_20200101';

/** Somebody who has read every table, and whose transaction and snapshot stay open, as those of a dump do. */
async function openReader(fleet: Fleet): Promise<AsyncDisposable> {
  const tables = await fleet.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c
      WHERE c.relnamespace = 'millrace'::regnamespace AND c.relkind IN ('r', 'p', 'v')`,
  );
  const client = new pg.Client({ connectionString: fleet.url });
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  for (const { name } of tables) await client.query(`SELECT count(*) FROM ${name}`);
  return { [Symbol.asyncDispose]: () => client.end() };
}

async function addExpiredDay(fleet: Fleet): Promise<void> {
  await fleet.query(
    `CREATE TABLE millrace.${expired} (LIKE millrace.job_history_completed INCLUDING ALL)`,
  );
  await fleet.query(
    `ALTER TABLE millrace.job_history_completed ATTACH PARTITION millrace.${expired}
       FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-01-02 00:00:00+00')`,
  );
}

async function dropNewestDay(fleet: Fleet): Promise<string> {
  const [day] = await fleet.query<{ name: string }>(
    `SELECT max(relname) AS name FROM pg_class WHERE relname ~ '^job_attempt_[0-9]{8}$'`,
  );
  await fleet.query(`DROP TABLE millrace.${day?.name}`);
  return day?.name ?? '';
}

it('A4: G18: a reader whose transaction stays open keeps nobody from enqueueing, running, settling, cancelling, retrying and rescuing, and from making the tables of new days', async () => {
  await using fleet = await Fleet.create();
  const { millrace } = fleet;
  await addExpiredDay(fleet);
  const storage = openStorage(fleet.url);
  const session = storage.session();
  // The schema may have been made before midnight.
  await session.createPartitions();
  const newest = await dropNewestDay(fleet);
  const detaching = () =>
    fleet.query(`SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhdetachpending`);
  {
    await using _ = await openReader(fleet);
    expect(await session.createPartitions()).toEqual([newest]);
    const doomed = await fleet.start({ tuning: brisk, concurrency: 2 });
    const left = await fleet.enqueue(held.with({}), held.with({}));
    await doomed.waitForBegan(...left);
    const heir = await fleet.start({ tuning: brisk });
    await fleet.enqueue(...Array.from({ length: 50 }, () => short.with({})));
    await fleet.until('they are settled', async () => (await fleet.unfinished()) === left.length);

    await doomed.kill();
    await heir.waitForBegan(...left);
    await millrace.cancel(left[0] ?? '');
    await fleet.until('it is cancelled', async () => (await fleet.unfinished()) === 1);
    const [later = ''] = await fleet.enqueue(short.with({}, { delay: '1h' }));
    await millrace.retry(later);
    heir.letGo();
    await fleet.finished();

    // What expired is read by somebody, so its removal gives up half-way,
    expect(await session.dropPartitions(keep)).toEqual([]);
    expect(await detaching()).toEqual([{ name: `millrace.${expired}` }]);
    // which nobody notices.
    await fleet.enqueue(short.with({}));
    await fleet.finished();
  }
  // and is brought to its end by the next one.
  expect(await session.dropPartitions(keep)).toEqual([expired]);
  expect(await detaching()).toEqual([]);
  await storage.close();
  expect(await fleet.violations({ allFinished: true })).toEqual([]);
});

it('A4: G7: when the table of the day is missing, workers that settle at once make it, and no outcome is lost', async () => {
  await using fleet = await Fleet.create();
  const workers = await Promise.all(
    Array.from({ length: 4 }, () => fleet.start({ concurrency: 5 })),
  );
  const jobs = await fleet.enqueue(...Array.from({ length: 20 }, () => held.with({})));
  await fleet.until('all run', () => workers.every((each) => each.began.length === 5));
  const days = await fleet.query<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhrelid::regclass::text ~ '_[0-9]{8}$'`,
  );
  await fleet.query(`DROP TABLE ${days.map(({ name }) => name).join(', ')}`);
  for (const worker of workers) worker.letGo();
  await fleet.finished();
  for (const id of jobs)
    expect(await fleet.millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
  expect(await fleet.violations({ allFinished: true, exactlyOnce: true })).toEqual([]);
});
