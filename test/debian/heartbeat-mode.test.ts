import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { createMillrace, defineJob, every } from 'millrace';
import { defaultTuning } from '../../packages/millrace/src/core/tuning.ts';
import { enqueueing, failing, held, short, transactional } from '../fixtures/jobs.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { Fleet } from '../helpers/fleet.ts';
import { createHostileSchema } from '../helpers/hostile-schema.ts';
import { pgbouncerProgram, startPgBouncer } from '../helpers/pgbouncer.ts';
import { recordEvents } from '../helpers/recorded.ts';
import { startRewritingProxy } from '../helpers/rewriting-proxy.ts';
import { identity, openStorage } from '../helpers/storage.ts';
import { expectWorkingStorage } from '../helpers/storage-tour.ts';
import { until } from '../helpers/until.ts';

vi.setConfig({ testTimeout: 120_000 });

/** The sessions that PgBouncer keeps to the server. */
const size = 6;

const events = ['session:pooled', 'listener:lost', 'listener:ready', 'worker:renewed'] as const;

/** Every setting of every session that stands behind a pooler, as whoever gets that session next would find it. */
async function settingsBehind(url: string): Promise<Record<string, string>[]> {
  // PgBouncer itself hands on the name of an application; one that has its own gets that.
  const config = { connectionString: url, application_name: 'application' };
  const clients = Array.from({ length: size }, () => new pg.Client(config));
  const found: Record<string, string>[] = [];
  const pids = new Set<number>();
  for (const client of clients) {
    await client.connect();
    // In a transaction a client keeps its session, so that the next one gets another.
    await client.query('BEGIN');
    const { rows } = await client.query<{ pid: number; all: Record<string, string> }>(
      `SELECT pg_backend_pid() AS pid, json_object_agg(name, setting) AS all FROM pg_settings
        WHERE source <> 'client' AND name NOT LIKE 'transaction_%' AND name NOT LIKE '%.%'`,
    );
    pids.add(rows[0]?.pid ?? 0);
    found.push(rows[0]?.all ?? {});
  }
  await Promise.all(clients.map((client) => client.end()));
  expect(pids.size).toBe(size);
  return found;
}

/** Kills whoever runs a job; answers with the milliseconds until another process runs it. */
async function killAndMeasure(fleet: Fleet, url: string, directUrl?: string): Promise<number> {
  const options = { url, concurrency: 1, tuning: defaultTuning, events };
  const start = () => fleet.start({ ...options, ...(directUrl !== undefined && { directUrl }) });
  const workers = [await start(), await start()];
  const [id = ''] = await fleet.enqueue(held.with({}));
  await until('the job runs', () => workers.some(({ began }) => began.includes(id)));
  const victim = workers.find(({ began }) => began.includes(id));
  const heir = workers.find((worker) => worker !== victim);
  expect(workers.map((worker) => worker.events('session:pooled').length)).toEqual(
    workers.map(() => (directUrl === undefined ? 1 : 0)),
  );
  const killedMs = performance.now();
  await victim?.kill();
  await heir?.waitForBegan(id);
  const tookMs = performance.now() - killedMs;
  expect(await fleet.millrace.get(id)).toMatchObject({ attempt: 1 });
  heir?.letGo();
  await fleet.finished();
  await heir?.stop();
  return tookMs;
}

describe.skipIf(pgbouncerProgram === undefined)('behind PgBouncer in transaction mode', () => {
  it('G15: C5: workers without a direct connection run jobs of every sort, and leave no setting behind', async () => {
    await using fleet = await Fleet.create();
    await using pooler = await startPgBouncer(fleet.url, size);
    const before = await settingsBehind(pooler.url);
    const start = () => fleet.start({ url: pooler.url, concurrency: 4, events });
    const workers = await Promise.all([start(), start()]);
    await fleet.enqueue(
      ...Array.from({ length: 100 }, () => short.with({})),
      ...Array.from({ length: 20 }, () => transactional.with({ followUps: 2 })),
      ...Array.from({ length: 10 }, () => failing.with({ times: 2 })),
      ...Array.from({ length: 10 }, () => enqueueing.with({ jobs: 5 })),
    );
    await fleet.finished();
    for (const worker of workers) {
      expect(worker.events('session:pooled')).toHaveLength(1);
      const lost = worker.events('listener:lost').map(({ error }) => error.message);
      expect(lost).toEqual([expect.stringContaining('notifications do not pass')]);
      expect(worker.events('worker:renewed')).toEqual([]);
      expect(worker.events('listener:ready')).toEqual([]);
      expect(await worker.stop()).toEqual({ code: 0, signal: null });
    }
    expect(await fleet.query('SELECT FROM millrace.worker')).toEqual([]);
    expect(await settingsBehind(pooler.url)).toEqual(before);
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });

  it('G15: everything that the storage can do works through it, and leaves no setting behind', async () => {
    await using database = await createTestDatabase();
    await using pooler = await startPgBouncer(database.url, size);
    const before = await settingsBehind(pooler.url);
    const storage = openStorage(pooler.url);
    await expectWorkingStorage(storage, 'heartbeat');
    await database.query(`
      CREATE TABLE millrace.job_attempt_20200101 (LIKE millrace.job_attempt INCLUDING ALL);
      ALTER TABLE millrace.job_attempt ATTACH PARTITION millrace.job_attempt_20200101
        FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-01-02 00:00:00+00')`);
    const dayMs = 86_400_000;
    const keep = { completedMs: dayMs, failedMs: dayMs };
    expect(await storage.session().dropPartitions(keep)).toEqual(['job_attempt_20200101']);
    await storage.migrate();
    await storage.close();
    expect(await settingsBehind(pooler.url)).toEqual(before);
  });

  it.each([
    ['default_transaction_isolation', 'serializable'],
    ['default_transaction_read_only', 'on'],
    ['synchronous_commit', 'off'],
    ['search_path', 'hostile, pg_catalog, public'],
  ])('G15: C3: also where every session begins with %s = %s', async (setting, value) => {
    await using database = await createTestDatabase();
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    await createHostileSchema(admin, 'hostile');
    await admin.end();
    await database.query(`ALTER DATABASE ${database.name} SET ${setting} = ${value}`);
    await using pooler = await startPgBouncer(database.url, size);
    const storage = openStorage(pooler.url);
    await expectWorkingStorage(storage, 'heartbeat');
    await storage.close();
  });

  it.each([
    ['that knows no named statement of before', true],
    ['that passes everything on', false],
  ])('C5: a pooler that hides itself, %s, is found by the heartbeat', async (_, hasBeaten) => {
    await using database = await createTestDatabase();
    await using pooler = await startPgBouncer(database.url, 1);
    const pid = await backendOf(pooler.url);
    await using proxy = await startRewritingProxy(pooler.url, (message) => {
      if (message[0] === 'K'.charCodeAt(0)) message.writeInt32BE(pid, 5);
      return message;
    });
    let found = 0;
    const storage = openStorage(proxy.url, 'millrace', { onPooled: () => (found += 1) });
    const session = storage.session();
    await session.register(identity(1));
    if (hasBeaten) expect(await session.beat(1, null)).toBe(true);
    expect(found).toBe(0);

    const lost = new Promise<void>((resolve) => session.onLost(resolve));
    await database.query('SELECT pg_terminate_backend($1)', [pid]);
    // Until the pooler has noticed, whoever it gives this session to is cut off, which says nothing of poolers.
    await until('the pooler works with another one', async () => {
      const now = await backendOf(pooler.url).catch(() => pid);
      return now !== pid;
    });
    await session.beat(1, null).catch(() => {});
    await lost;
    expect(found).toBe(1);
    await session.register(identity(2));
    expect(await session.beat(2, null)).toBe(true);
    expect(await database.query('SELECT mode FROM millrace.worker WHERE no = 2')).toEqual([
      { mode: 'heartbeat' },
    ]);
    await storage.close();
  });

  it('G10: C8: a running job is cancelled within 2 s, and schedules fire', async () => {
    await using database = await createTestDatabase();
    await using pooler = await startPgBouncer(database.url, size);
    const fired: number[] = [];
    const tick = defineJob({
      kind: 'tick',
      schedule: every('1s'),
      async handler() {
        fired.push(performance.now());
      },
    });
    const endless = defineJob({
      kind: 'endless',
      handler: (_payload, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    });
    const millrace = createMillrace({
      connection: pooler.url,
      jobs: [tick, endless],
      logger: false,
    });
    const recorded = recordEvents(millrace);
    const worker = millrace.createWorker();
    await worker.start();
    const scheduler = millrace.createScheduler();
    await scheduler.start();
    const { id } = await millrace.enqueue(endless);
    await until('it runs', async () => (await millrace.get(id))?.state === 'running');
    const askedMs = performance.now();
    await millrace.cancel(id);
    await until('it is cancelled', async () => (await millrace.get(id))?.state === 'cancelled');
    const tookMs = performance.now() - askedMs;
    await until('the schedule has fired twice', () => fired.length >= 2);
    process.stdout.write(`G10: cancelled behind PgBouncer after ${Math.round(tookMs)} ms\n`);
    expect(tookMs).toBeLessThan(3 * 2_000);
    expect(recorded.named('session:pooled')).toHaveLength(1);
    await millrace.close();
  });

  it('G3: C5: a killed worker without a direct connection: its job starts elsewhere within 15 s', async () => {
    await using fleet = await Fleet.create();
    await using pooler = await startPgBouncer(fleet.url, size);
    const tookMs = await killAndMeasure(fleet, pooler.url);
    process.stdout.write(`G3: behind PgBouncer, by heartbeat: ${Math.round(tookMs)} ms\n`);
    expect(tookMs).toBeLessThan(3 * 15_000);
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });

  it('G3: C5: with a direct connection beside it, in about two seconds', async () => {
    await using fleet = await Fleet.create();
    await using pooler = await startPgBouncer(fleet.url, size);
    const tookMs = await killAndMeasure(fleet, pooler.url, fleet.url);
    process.stdout.write(
      `G3: behind PgBouncer, with a direct connection: ${Math.round(tookMs)} ms\n`,
    );
    expect(tookMs).toBeLessThan(3 * 3_000);
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });
});

/** The server's process that the pooler gives to whoever comes now. */
async function backendOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  // Its end may come between two statements.
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return rows[0]?.pid ?? 0;
  } finally {
    await client.end();
  }
}
