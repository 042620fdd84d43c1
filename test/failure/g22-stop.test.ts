import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { held, short } from '../fixtures/jobs.ts';
import { createProject } from '../helpers/cli.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { Fleet } from '../helpers/fleet.ts';

const untouched = { state: 'available', attempt: 0, crashes: 0, attempts: [] };

async function registered(fleet: Fleet): Promise<number> {
  const [row] = await fleet.query<{ n: number }>('SELECT count(*)::int AS n FROM millrace.worker');
  return row?.n ?? 0;
}

describe('SIGTERM to a worker process', () => {
  it('G22: lets running handlers end within the grace, claims nothing more, and ends with code 0', async () => {
    await using fleet = await Fleet.create();
    const worker = await fleet.start({ concurrency: 5 });
    const [running = ''] = await fleet.enqueue(held.with({}));
    await worker.waitForBegan(running);
    worker.signal('SIGTERM');
    await worker.stopping();
    const [late = ''] = await fleet.enqueue(short.with({}));
    worker.letGo();

    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(worker.aborted).toEqual({});
    expect(await fleet.millrace.get(running)).toMatchObject({ state: 'completed', attempt: 1 });
    expect(await fleet.millrace.get(late)).toMatchObject(untouched);
    expect(await registered(fleet)).toBe(0);
    expect(await fleet.violations({ exactlyOnce: true })).toEqual([]);
  });

  it('G22: G9: after the grace aborts what still runs, gives it back at once without using an attempt, and ends with code 1', async () => {
    await using fleet = await Fleet.create();
    const worker = await fleet.start({ stopGraceMs: 200 });
    const jobs = await fleet.enqueue(held.with({}), held.with({ ignoresSignal: true }));
    await worker.waitForBegan(...jobs);
    const other = await fleet.start({ queues: ['default', 'unused'] });

    expect(await worker.stop()).toEqual({ code: 1, signal: null });
    expect(worker.aborted).toEqual(Object.fromEntries(jobs.map((id) => [id, 'MILLRACE_STOPPED'])));
    // Another worker has them long before anybody could be taken for dead.
    await other.waitForBegan(...jobs);
    for (const id of jobs) {
      expect(await fleet.millrace.get(id)).toMatchObject({
        ...untouched,
        state: 'running',
        attempt: 1,
      });
    }
    other.letGo();
    await fleet.finished();
    expect(await other.stop()).toEqual({ code: 0, signal: null });
    expect(await registered(fleet)).toBe(0);
    expect(await fleet.violations({ allFinished: true })).toEqual([]);
  });

  it('G22: twice aborts what runs at once instead of after the grace, and gives it back within about 2 s', async () => {
    await using fleet = await Fleet.create();
    const worker = await fleet.start({ stopGraceMs: 60_000 });
    const [obeys = '', ignores = ''] = await fleet.enqueue(
      held.with({}),
      held.with({ ignoresSignal: true }),
    );
    await worker.waitForBegan(obeys, ignores);
    worker.signal('SIGTERM');
    await worker.stopping();
    expect(worker.aborted).toEqual({});
    const askedMs = performance.now();
    worker.signal('SIGINT');
    expect(await worker.exit).toEqual({ code: 1, signal: null });
    const tookMs = Math.round(performance.now() - askedMs);
    process.stdout.write(`G22: all was given back ${tookMs} ms after the second signal\n`);
    expect(tookMs).toBeLessThan(3 * 2_000);
    for (const id of [obeys, ignores]) {
      expect(worker.aborted).toMatchObject({ [id]: 'MILLRACE_STOPPED' });
      expect(await fleet.millrace.get(id)).toMatchObject(untouched);
    }
    expect(await registered(fleet)).toBe(0);
    expect(await fleet.violations()).toEqual([]);
  });

  it('G22: during the start ends it with code 0, and leaves nobody registered and no job taken', async () => {
    await using fleet = await Fleet.create();
    const [id = ''] = await fleet.enqueue(short.with({}));
    const gate = new pg.Client({ connectionString: fleet.url });
    await gate.connect();
    await gate.query('BEGIN; LOCK TABLE millrace.worker IN SHARE MODE');
    const worker = fleet.launch();
    await worker.waitFor('it is about to register', async () => {
      const waiting = await fleet.query(
        `SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO%worker%'`,
      );
      return waiting.length > 0;
    });
    worker.signal('SIGTERM');
    await worker.stopping();
    await gate.end();

    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(await registered(fleet)).toBe(0);
    expect(await fleet.millrace.get(id)).toMatchObject(untouched);
    expect(await fleet.violations()).toEqual([]);
  });
});

const config = `
import { createMillrace, defineJob } from 'millrace';
const hang = defineJob({
  kind: 'hang',
  async handler(_payload, { signal }) {
    console.log('hanging');
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  },
});
export default createMillrace({ jobs: [hang] });
`;

it('G22: SIGTERM to `millrace start` ends it with code 1 when jobs had to be given back, and otherwise with code 0', async () => {
  await using database = await createTestDatabase();
  using project = createProject({ 'millrace.config.ts': config });
  const env = { DATABASE_URL: database.url };
  const start = () => project.start(['start', '--role=worker', '--stop-grace=100ms'], { env });

  const idle = start();
  await idle.printed('started');
  idle.process.kill('SIGTERM');
  expect(await idle.ended).toMatchObject({ exitCode: 0, stderr: '' });

  await project.run(['enqueue', 'hang', '{}'], { env });
  const busy = start();
  await busy.printed('hanging');
  busy.process.kill('SIGTERM');
  expect(await busy.ended).toMatchObject({ exitCode: 1, stderr: '' });
  expect(await database.query('SELECT state, attempt FROM millrace.jobs')).toEqual([
    { state: 'available', attempt: 0 },
  ]);
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  'G22: a second signal, %s, to `millrace start` gives back at once and ends it with code %i',
  async (signal, exitCode) => {
    await using database = await createTestDatabase();
    using project = createProject({ 'millrace.config.ts': config });
    const env = { DATABASE_URL: database.url };
    await project.run(['enqueue', 'hang', '{}'], { env });
    const busy = project.start(['start', '--stop-grace=1h'], { env });
    await busy.printed('hanging');
    busy.process.kill('SIGTERM');
    await busy.printed('stopping');
    busy.process.kill(signal);
    expect(await busy.ended).toMatchObject({ exitCode, stderr: '' });
    expect(await database.query('SELECT state, attempt FROM millrace.jobs')).toEqual([
      { state: 'available', attempt: 0 },
    ]);
  },
);
