/** One job by hand: really, or rolled back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { defineJob, snooze, type Millrace } from 'millrace';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { claim, identity, openStorage } from '../helpers/storage.ts';
import { until } from '../helpers/until.ts';

let app: TestMillrace;
let millrace: Millrace;
let storage: ReturnType<typeof openStorage>;
let started: AbortSignal | undefined;

const plain = defineJob({
  kind: 'plain',
  retry: { type: 'delays', delaysMs: [3_600_000], jitter: 0, from: 'now' },
  async handler(_payload, { id, attempt, tags }) {
    if (tags.includes('fail')) throw new RangeError('out of range');
    if (tags.includes('snooze')) return snooze('2h');
    return { id, attempt };
  },
});

const writing = defineJob({
  kind: 'writing',
  transaction: true,
  async handler(_payload, { tx, tags, enqueue }) {
    await tx.query(`INSERT INTO noted VALUES ('here')`);
    await enqueue(plain, {});
    if (tags.includes('fail')) throw new Error('after writing');
    return 'written';
  },
});

const slow = defineJob({
  kind: 'slow',
  async handler(_payload, { signal }) {
    started = signal;
    await sleep(60_000, undefined, { signal });
  },
});

const handless = defineJob({ kind: 'handless' });

beforeAll(async () => {
  app = await createTestMillrace({ jobs: [plain, writing, slow, handless] });
  millrace = app.millrace;
  storage = openStorage(app.database.url);
  await app.database.query('CREATE TABLE noted (what text)');
});

afterAll(async () => {
  await storage.close();
  await app[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await app.database.query(
    'TRUNCATE millrace.job, millrace.job_history, millrace.job_attempt, noted',
  );
});

const noted = () => app.database.query('SELECT FROM noted');

describe('really', () => {
  it('a job runs here and is settled, before it is due and before others of its queue', async () => {
    const { id: other } = await millrace.enqueue(plain, {}, { priority: 9 });
    const { id } = await millrace.enqueue(plain, {}, { delay: '1h' });
    expect(await millrace.runJob(id)).toEqual({
      status: 'ran',
      state: 'completed',
      durationMs: expect.any(Number) as number,
      returned: { id, attempt: 1 },
      error: null,
    });
    expect(await millrace.get(id)).toMatchObject({ state: 'completed', result: { attempt: 1 } });
    expect(await millrace.get(other)).toMatchObject({ state: 'available', attempt: 0 });
    expect(await app.database.query('SELECT FROM millrace.worker')).toEqual([]);
  });

  it('one that fails waits for its retry, with its attempt on record', async () => {
    const { id } = await millrace.enqueue(plain, {}, { tags: ['fail'] });
    expect(await millrace.runJob(id)).toMatchObject({
      status: 'ran',
      state: 'retryable',
      error: { name: 'RangeError', message: 'out of range' },
    });
    expect(await millrace.get(id)).toMatchObject({ attempts: [{ ending: 'failed' }] });
    expect(await millrace.runJob(id)).toMatchObject({ status: 'ran', state: 'retryable' });
  });

  it('what the handler asks for is done', async () => {
    const { id } = await millrace.enqueue(plain, {}, { tags: ['snooze'] });
    expect(await millrace.runJob(id)).toMatchObject({ state: 'scheduled', error: null });
  });

  it('a transactional handler commits with its job', async () => {
    const { id } = await millrace.enqueue(writing, {});
    expect(await millrace.runJob(id)).toMatchObject({ state: 'completed', returned: 'written' });
    expect(await noted()).toHaveLength(1);
    expect((await millrace.list({ kind: 'plain' })).jobs).toHaveLength(1);
  });

  it('a signal ends the handler and gives the job back', async () => {
    const { id } = await millrace.enqueue(slow, {});
    const stop = new AbortController();
    const run = millrace.runJob(id, { signal: stop.signal });
    await until('the handler runs', () => started !== undefined);
    expect(await millrace.runJob(id)).toEqual({ status: 'running' });
    stop.abort();
    expect(await run).toMatchObject({ status: 'ran', state: 'available' });
    expect(await millrace.get(id)).toMatchObject({ attempt: 0, attempts: [] });
  });
});

describe('rolled back', () => {
  it.each([[[]], [['fail']]])(
    'nothing is left of what the handler did, with tags %o',
    async (tags) => {
      const { id } = await millrace.enqueue(writing, {}, { delay: '1h', tags });
      const before = await millrace.get(id);
      const events: string[] = [];
      const forget = millrace.subscribe(({ name }) => events.push(name));
      const answer = await millrace.runJob(id, { rollback: true });
      forget();
      expect(answer).toMatchObject(
        tags.length === 0
          ? { status: 'ran', state: 'scheduled', returned: 'written', error: null }
          : { status: 'ran', state: 'scheduled', error: { message: 'after writing' } },
      );
      expect(await noted()).toEqual([]);
      expect((await millrace.list({ kind: 'plain' })).jobs).toEqual([]);
      expect(await millrace.get(id)).toEqual({ ...before, claimedAt: expect.any(Date) as Date });
      expect(events.filter((name) => name.startsWith('attempt:'))).toEqual([]);
    },
  );

  it('a handler without a transaction is refused, and not called', async () => {
    const { id } = await millrace.enqueue(plain, {});
    await expect(millrace.runJob(id, { rollback: true })).rejects.toMatchObject({
      code: 'MILLRACE_OPTION_INVALID',
    });
    expect(await millrace.get(id)).toMatchObject({ state: 'available', claimedAt: null });
  });
});

describe('what cannot be run', () => {
  it('is said, and left alone', async () => {
    const { id } = await millrace.enqueue(plain, {});
    await storage.session().register(identity(7_000, { kinds: ['plain'] }));
    await claim(storage.session(), 7_000, 1, { kinds: ['plain'] });
    expect(await millrace.runJob(id)).toEqual({ status: 'running' });
    const { id: gone } = await millrace.enqueue(plain, {});
    await millrace.cancel(gone);
    expect(await millrace.runJob(gone)).toEqual({ status: 'finished', state: 'cancelled' });
    for (const strange of ['4711', 'x'])
      expect(await millrace.runJob(strange)).toEqual({ status: 'missing' });
    const { id: handlessId } = await millrace.enqueue(handless, {});
    await expect(millrace.runJob(handlessId)).rejects.toMatchObject({
      code: 'MILLRACE_HANDLER_MISSING',
    });
    const pool = app.database.pool();
    const other = await pool.connect();
    const { id: held } = await millrace.enqueue(plain, {});
    await other.query('BEGIN');
    await other.query('SELECT FROM millrace.job WHERE id = $1 FOR UPDATE', [held]);
    expect(await millrace.runJob(held)).toEqual({ status: 'busy' });
    await other.query('ROLLBACK');
    other.release();
  });
});
