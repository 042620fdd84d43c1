import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineJob, delays } from 'millrace';
import { clientConfig } from '../../packages/millrace/src/storage/connection.ts';
import { saying } from '../fixtures/isolated.ts';
import { createProject } from '../helpers/cli.ts';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { claim, identity, leaseOf, newJob, openStorage } from '../helpers/storage.ts';
import { until } from '../helpers/until.ts';
import pg from 'pg';

const go = Promise.withResolvers<void>();

const slow = defineJob({
  kind: 'slow',
  async handler(_, { progress }) {
    for (let percent = 0; percent <= 50; percent++) progress(percent, `row ${percent}`);
    await go.promise;
    progress(75, 'nearly');
    progress(100, 'all rows');
  },
});

const failing = defineJob({
  kind: 'failing',
  retry: delays([60_000]),
  handler(_, { progress }) {
    progress(12.34, 'row 7');
    throw new Error('no');
  },
});

const transactional = defineJob({
  kind: 'transactional',
  transaction: true,
  maxAttempts: 1,
  async handler(_, { progress, tx }) {
    progress(40);
    await tx.query('SELECT 1 / 0');
  },
});

let app: TestMillrace;

beforeAll(async () => {
  app = await createTestMillrace({ jobs: [slow, failing, transactional, saying] });
  // Every write of progress, for what a table holds does not say how often it was written.
  await app.database.query(`
    CREATE TABLE writes (job_id bigint, percent double precision);
    CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN INSERT INTO public.writes VALUES (NEW.job_id, NEW.percent); RETURN NULL; END';
    CREATE TRIGGER noted AFTER INSERT OR UPDATE ON millrace.job_progress FOR EACH ROW EXECUTE FUNCTION noted()`);
});

afterAll(async () => {
  await app[Symbol.asyncDispose]();
});

async function writesOf(id: string): Promise<number[]> {
  const rows = await app.database.query<{ percent: number }>(
    'SELECT percent FROM writes WHERE job_id = $1',
    [id],
  );
  return rows.map(({ percent }) => percent);
}

describe('progress', () => {
  it('is shown while the job runs, written once a second, and its last word stays with the job', async () => {
    const { millrace } = app;
    const { id } = await millrace.enqueue(slow);
    expect(await millrace.get(id)).toMatchObject({ progress: null });
    const ended = millrace.createWorker().tick();
    await until('it is written', async () => (await writesOf(id)).length > 0);
    const running = await millrace.get(id);
    expect(running).toMatchObject({ state: 'running', progress: { percent: 50, note: 'row 50' } });
    go.resolve();
    await ended;
    expect(await writesOf(id)).toEqual([50, 100]);
    const job = await millrace.get(id);
    const progress = { percent: 100, note: 'all rows', attempt: 1 };
    expect(job).toMatchObject({ state: 'completed', progress });
    using project = createProject();
    const { stdout } = await project.run(['jobs', 'show', id], {
      env: { DATABASE_URL: app.database.url },
    });
    expect(stdout).toMatch(/progress +100 % all rows \(/);
  });

  it('of an attempt that failed stays, also where its transaction is rolled back', async () => {
    const { millrace } = app;
    const { id } = await millrace.enqueue(failing);
    const other = await millrace.enqueue(transactional);
    await millrace.createWorker().tick();
    expect(await millrace.get(id)).toMatchObject({
      state: 'retryable',
      progress: { percent: 12.34, note: 'row 7', attempt: 1 },
    });
    expect(await millrace.get(other.id)).toMatchObject({
      state: 'discarded',
      progress: { percent: 40, note: null },
    });
  });

  it('of an isolated handler arrives, also while it blocks its event loop', async () => {
    const { millrace } = app;
    const { id } = await millrace.enqueue(saying);
    await millrace.createWorker().tick();
    const said = await writesOf(id);
    expect(said.at(-1)).toBe(100);
    // It blocks for 1.5 s, and says something each millisecond.
    expect(said.length).toBeGreaterThan(1);
    expect(said.length).toBeLessThan(10);
  });

  it('of a job that has moved on is not written, and nothing waits for a row that somebody holds', async () => {
    const storage = openStorage(app.database.url);
    const session = storage.session();
    await session.open();
    await session.register(identity(4_001, { queues: ['fenced'] }));
    const [{ id } = { id: '' }] = await storage.enqueue([newJob({ queue: 'fenced' })]);
    await claim(session, 4_001, 1, { queues: [{ queue: 'fenced', limit: 1 }] });
    const lease = leaseOf(4_001, 1);
    const said = { id, lease, percent: 1, note: null };
    await session.reportProgress([{ ...said, lease: leaseOf(4_001, 2) }]);
    const setState = (state: number) =>
      app.database.query(`UPDATE millrace.job SET state = ${state} WHERE id = ${id}`);
    await setState(0);
    await session.reportProgress([said]);
    await setState(1);
    expect(await writesOf(id)).toEqual([]);
    await session.reportProgress([said]);
    const holder = new pg.Client(clientConfig(app.database.url));
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(`DELETE FROM millrace.job_progress WHERE job_id = ${id}`);
      await session.reportProgress([{ ...said, percent: 2 }]);
      await holder.query('ROLLBACK');
      expect(await writesOf(id)).toEqual([1]);
    } finally {
      await holder.end();
      await session.unregister(4_001);
      await storage.close();
    }
  });

  it('goes when the longest retention is over, unless the job still waits', async () => {
    const storage = openStorage(app.database.url);
    const session = storage.session();
    const [{ id } = { id: '' }] = await storage.enqueue([newJob({ queue: 'aged' })]);
    await app.database.query(`
      INSERT INTO millrace.job_progress (job_id, attempt, percent, reported_at)
      VALUES (${id}, 1, 1, now() - interval '40 days'), (-1, 1, 1, now() - interval '40 days'),
             (-2, 1, 1, now() - interval '31 days')`);
    const days = (n: number) => n * 86_400_000;
    await session.dropPartitions({ completedMs: days(7), failedMs: days(30) });
    const rows = await app.database.query<{ id: string }>(
      `SELECT job_id::text AS id FROM millrace.job_progress WHERE reported_at < now() - interval '1 day' ORDER BY 1`,
    );
    expect(rows.map((row) => row.id)).toEqual(['-2', id].toSorted());
    await storage.close();
  });
});
