import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, delays, every, exponential, type EnqueueResult, type Millrace } from 'millrace';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';

const mail = defineJob({
  kind: 'mail',
  payload: z.object({ to: z.string() }),
  queue: 'mail',
  priority: 3,
});
const plain = defineJob({ kind: 'plain' });

let app: TestMillrace;
let millrace: Millrace;

beforeAll(async () => {
  app = await createTestMillrace({ jobs: [mail, plain] });
  millrace = app.millrace;
  await app.database.query('CREATE TABLE users (email text)');
});

afterAll(() => app[Symbol.asyncDispose]());

const count = async (kind: string) => (await millrace.list({ kind, limit: 1_000 })).jobs.length;

describe('enqueue', () => {
  it('B5: dates a job by the moment at which it is enqueued, not by the beginning of its transaction', async () => {
    const [ahead] = await millrace.transaction(async (tx) => {
      const age = `SELECT clock_timestamp() - transaction_timestamp() > interval '200 milliseconds' AS old`;
      await expect.poll(async () => (await tx.query(age)).rows[0]).toEqual({ old: true });
      const { id } = await millrace.enqueue(plain, {}, { tx });
      const { rows } = await tx.query(
        `SELECT run_at - transaction_timestamp() > interval '200 milliseconds' AS later,
                created_at = run_at AS same
           FROM millrace.job WHERE id = $1`,
        [id],
      );
      return rows;
    });
    expect(ahead).toEqual({ later: true, same: true });
  });

  it('W20: a definition says kind, payload, queue and priority of its jobs, typed end to end', async () => {
    const { id, status } = await millrace.enqueue(mail, { to: 'ada@example.com' });
    expect(status).toBe('created');
    expect(await millrace.get(id)).toMatchObject({
      kind: 'mail',
      queue: 'mail',
      priority: 3,
      state: 'available',
      maxAttempts: 20,
      payload: { to: 'ada@example.com' },
    });
  });

  it('W22: everything stored about a job is visible by id and in lists', async () => {
    const { id } = await millrace.enqueue(
      mail,
      { to: 'x' },
      {
        delay: '1h',
        priority: -5,
        queue: 'slow',
        maxAttempts: 7,
        retry: exponential({ first: '1s' }),
        timeout: '30s',
        tags: ['import', 'customer-7'],
        uniqueKey: 'visible',
      },
    );
    const job = await millrace.get(id);
    expect(job).toMatchObject({
      id,
      kind: 'mail',
      state: 'scheduled',
      queue: 'slow',
      priority: -5,
      attempt: 0,
      maxAttempts: 7,
      crashes: 0,
      tags: ['import', 'customer-7'],
      uniqueKey: 'visible',
      claimedAt: null,
      finishedAt: null,
      cancelRequested: false,
      attempts: [],
    });
    expect((job?.scheduledAt.getTime() ?? 0) - (job?.createdAt.getTime() ?? 0)).toBe(3_600_000);
    const listed = await millrace.list({ queue: 'slow', state: 'scheduled' });
    expect(listed.jobs).toEqual([job]);
  });

  it('G1: W21: a job enqueued in a pg transaction exists if, and only if, the transaction commits', async () => {
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    for (const end of ['COMMIT', 'ROLLBACK']) {
      await client.query('BEGIN');
      await client.query('INSERT INTO users VALUES ($1)', [end]);
      const { id } = await millrace.enqueue(mail, { to: end }, { tx: client });
      expect(await millrace.get(id)).toBeNull();
      await client.query(end);
      expect((await millrace.get(id)) !== null).toBe(end === 'COMMIT');
    }
    await client.end();
    expect(await app.database.query('SELECT email FROM users')).toEqual([{ email: 'COMMIT' }]);
  });

  it('W21: priority and the number of attempts may be given with the job', async () => {
    const { id } = await millrace.enqueue(plain, {}, { priority: 9, maxAttempts: 2 });
    expect(await millrace.get(id)).toMatchObject({ priority: 9, maxAttempts: 2 });
  });

  it('refuses a client that is not in a transaction, a failed one, a pool and other things', async () => {
    const pool = app.database.pool();
    const client = await pool.connect();
    const enqueue = (tx: unknown) => millrace.enqueue(plain, {}, { tx: tx as never });
    await expect(enqueue(client)).rejects.toMatchObject({ code: 'MILLRACE_TX_NOT_OPEN' });
    await client.query('BEGIN');
    await client.query('SELECT 1/0').catch(() => {});
    await expect(enqueue(client)).rejects.toMatchObject({ code: 'MILLRACE_TX_NOT_OPEN' });
    await client.query('ROLLBACK');
    client.release();
    await expect(enqueue(pool)).rejects.toMatchObject({ code: 'MILLRACE_TX_INVALID' });
    await expect(enqueue({})).rejects.toMatchObject({ code: 'MILLRACE_TX_INVALID' });
  });

  it('G8: a payload of the wrong shape, with NUL, a lone surrogate or too much of it is refused clearly', async () => {
    const enqueue = (payload: unknown) => millrace.enqueue(mail, payload as { to: string });
    await expect(enqueue({ to: 7 })).rejects.toMatchObject({ code: 'MILLRACE_PAYLOAD_INVALID' });
    await expect(enqueue({ to: 'a\u0000b' })).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_NOT_JSON',
    });
    await expect(enqueue({ to: '\uD800' })).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_NOT_JSON',
    });
    await expect(enqueue({ to: 'x'.repeat(2 ** 20) })).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_TOO_LARGE',
    });
    const { id } = await enqueue({ to: '“quotes” \\ \u{1F600} \u2028' });
    expect(await millrace.get(id)).toMatchObject({
      payload: { to: '“quotes” \\ \u{1F600} \u2028' },
    });
  });

  it('refuses options it does not know, with the one that was meant', async () => {
    await expect(millrace.enqueue(plain, {}, { delya: '1s' } as never)).rejects.toMatchObject({
      code: 'MILLRACE_OPTION_UNKNOWN',
      message: expect.stringContaining("did you mean 'delay'") as unknown,
    });
    await expect(
      millrace.enqueue(plain, {}, { delay: '1s', scheduledAt: new Date() }),
    ).rejects.toMatchObject({
      code: 'MILLRACE_OPTION_INVALID',
    });
  });

  it('the logical due time may lie in the past', async () => {
    const scheduledAt = new Date('2020-01-01T00:00:00.123Z');
    const { id } = await millrace.enqueue(plain, {}, { scheduledAt });
    expect(await millrace.get(id)).toMatchObject({ state: 'available', scheduledAt });
  });

  it('G21: ids beyond 2^53 survive', async () => {
    await using big = await createTestMillrace({ jobs: [plain] });
    await big.database.query(`ALTER SEQUENCE millrace.job_id_seq RESTART WITH 9007199254740993`);
    const { id } = await big.millrace.enqueue(plain);
    expect(id).toBe('9007199254740993');
    expect((await big.millrace.get(id))?.id).toBe(id);
    expect(await big.millrace.cancel(id)).toMatchObject({ status: 'cancelled' });
  });
});

describe('uniqueKey', () => {
  it('makes one unfinished job per queue and key, and answers with the id of the one that exists', async () => {
    const first = await millrace.enqueue(plain, {}, { uniqueKey: 'a' });
    const second = await millrace.enqueue(plain, {}, { uniqueKey: 'a' });
    expect(second).toEqual({ status: 'deduplicated', id: first.id });
    expect(await millrace.enqueue(plain, {}, { uniqueKey: 'a', queue: 'other' })).toMatchObject({
      status: 'created',
    });
    await millrace.cancel(first.id);
    const third = await millrace.enqueue(plain, {}, { uniqueKey: 'a' });
    expect(third.status).toBe('created');
    expect(third.id).not.toBe(first.id);
  });

  it('is kept by a hundred enqueues at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => millrace.enqueue(plain, {}, { uniqueKey: 'rush' })),
    );
    expect(answers.filter(({ status }) => status === 'created')).toHaveLength(1);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  });

  it('waits for the transaction that holds the key, and then answers by what became of it', async () => {
    for (const end of ['COMMIT', 'ROLLBACK'] as const) {
      const client = new pg.Client({ connectionString: app.database.url });
      await client.connect();
      await client.query('BEGIN');
      const uniqueKey = `held until ${end}`;
      const first = await millrace.enqueue(plain, {}, { uniqueKey, tx: client });
      const waiting = millrace.enqueue(plain, {}, { uniqueKey });
      await client.query(end);
      const second = await waiting;
      expect(second.status).toBe(end === 'COMMIT' ? 'deduplicated' : 'created');
      expect(second.id === first.id).toBe(end === 'COMMIT');
      await client.end();
    }
  });

  it('C3: in a snapshot that cannot see the key it fails with a clear error', async () => {
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('SELECT count(*) FROM users');
    await millrace.enqueue(plain, {}, { uniqueKey: 'unseen' });
    await expect(
      millrace.enqueue(plain, {}, { uniqueKey: 'unseen', tx: client }),
    ).rejects.toMatchObject({
      code: 'MILLRACE_TX_SERIALIZATION',
    });
    await client.query('ROLLBACK');
    await client.end();
  });
});

describe('enqueueMany', () => {
  it('answers in the order of the jobs, of any kinds, keyed or not', async () => {
    const answers = await millrace.enqueueMany([
      mail.with({ to: '1' }),
      plain.with({}, { uniqueKey: 'many' }),
      mail.with({ to: '2' }, { priority: 8 }),
      plain.with({}, { uniqueKey: 'many' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([
      'created',
      'created',
      'created',
      'deduplicated',
    ]);
    expect(answers[3]?.id).toBe(answers[1]?.id);
    const jobs = await Promise.all(answers.map(({ id }) => millrace.get(id)));
    expect(jobs.map((job) => job?.payload)).toEqual([{ to: '1' }, {}, { to: '2' }, {}]);
  });

  it('many jobs are stored as each of them would be alone, whatever their texts and options are', async () => {
    const odd = 'quote " backslash \\ brace } comma , NULL new\nline \u0001 🎉';
    const texts = [odd, '', 'null', 'NULL', '{}', '\\', '"', 'plain', 'a', 'b', 'c', 'd'];
    const payload = z.object({ text: z.string() });
    const kinds = [1, 2].map((version) => defineJob({ kind: `"${version}\\`, version, payload }));
    const at = new Date(Date.UTC(2031, 1, 2, 3, 4, 5, 678));
    const requests = texts.flatMap((text, index) =>
      kinds.map((definition) =>
        definition.with(
          { text },
          {
            ...(index % 2 === 0 && { priority: index - 5, queue: 'a "queue" \\ {of}, mine' }),
            ...(index % 3 === 0 && { tags: ['one', odd.slice(0, 20)], maxAttempts: index + 1 }),
            ...(index % 4 === 0 && { scheduledAt: at }),
            ...(index % 4 === 1 && { delay: '1h' }),
            ...(index % 5 === 0 && { retry: delays(['1s', 2_500]), timeout: '1m' }),
          },
        ),
      ),
    );
    const facts = async (answers: readonly EnqueueResult[]) => {
      const { rows } = await millrace.transaction((tx) =>
        tx.query(
          `SELECT kind, queue, priority, max_attempts, payload, meta, policy, payload_version, unique_key, attempt, state,
                  run_at = scheduled_at AS in_place, scheduled_at = $2 AS at_time,
                  CASE WHEN scheduled_at <> $2 THEN extract(epoch FROM scheduled_at - created_at) END AS delay
             FROM millrace.job WHERE id = ANY ($1) ORDER BY array_position($1, id)`,
          [answers.map(({ id }) => id), at],
        ),
      );
      return rows;
    };
    const together = await millrace.enqueueMany(requests);
    const alone: EnqueueResult[] = [];
    for (const { definition, payload: each, options } of requests)
      alone.push(await millrace.enqueue(definition, each, options));
    const stored = await facts(alone);
    expect(stored).toHaveLength(requests.length);
    expect(await facts(together)).toEqual(stored);
    const byFew = await millrace.transaction(async (tx) => [
      ...(await millrace.enqueueMany(requests.slice(0, 3), { tx })),
      ...(await millrace.enqueueMany(requests.slice(3), { tx })),
    ]);
    expect(await facts(byFew)).toEqual(stored);
  });

  it('null is a payload like any other', async () => {
    const received: unknown[] = [];
    const nothing = defineJob({
      kind: 'nothing',
      payload: z.null(),
      async handler(payload) {
        received.push(payload);
      },
    });
    await using own = await createTestMillrace({ jobs: [nothing] });
    await own.millrace.enqueue(nothing, null);
    await own.millrace.enqueue(nothing, null, { uniqueKey: 'once' });
    await own.millrace.enqueueMany([nothing.with(null), nothing.with(null)]);
    expect(await own.millrace.createWorker().tick()).toBe(4);
    expect(received).toEqual([null, null, null, null]);
  });

  it('is all or nothing, and a refused payload names its index', async () => {
    const before = await count('mail');
    const jobs = Array.from({ length: 2_500 }, (_, index) => mail.with({ to: String(index) }));
    jobs[2_301] = mail.with({ to: 7 as never });
    await expect(millrace.enqueueMany(jobs)).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_INVALID',
      message: expect.stringMatching(/^job 2301: payload\.to/) as unknown,
    });
    expect(await count('mail')).toBe(before);
  });

  it('takes an endless-looking stream of 100,000 jobs in bounded memory', async () => {
    await using bulk = await createTestMillrace({ jobs: [plain] });
    async function* many() {
      for (let index = 0; index < 100_000; index++) yield plain.with({});
    }
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    let most = 0;
    const watch = setInterval(
      () => (most = Math.max(most, process.memoryUsage().heapUsed - before)),
      20,
    );
    const answers = await bulk.millrace.enqueueMany(many());
    clearInterval(watch);
    expect(answers).toHaveLength(100_000);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(100_000);
    expect(most).toBeLessThan(200 * 2 ** 20);
  });

  it('joins the transaction of its caller', async () => {
    const before = await count('plain');
    await expect(
      millrace.transaction(async (tx) => {
        await millrace.enqueueMany([plain.with(), plain.with()], { tx });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await count('plain')).toBe(before);
    await millrace.transaction((tx) => millrace.enqueueMany([plain.with(), plain.with()], { tx }));
    expect(await count('plain')).toBe(before + 2);
  });
});

describe('transaction', () => {
  it('a failed statement that the body swallowed is not taken for a commit', async () => {
    const body = millrace.transaction(async (tx) => {
      await tx.query('SELECT 1/0').catch(() => {});
    });
    await expect(body).rejects.toMatchObject({ code: 'MILLRACE_TX_NOT_OPEN' });
  });

  it('has the isolation that was asked for', async () => {
    const shown = await millrace.transaction(
      async (tx) =>
        (await tx.query<{ transaction_isolation: string }>('SHOW transaction_isolation')).rows[0],
      { isolation: 'serializable' },
    );
    expect(shown).toEqual({ transaction_isolation: 'serializable' });
  });
});

describe('the configuration', () => {
  it('refuses two definitions of one kind', async () => {
    const { createMillrace } = await import('millrace');
    expect(() =>
      createMillrace({ jobs: [plain, defineJob({ kind: 'plain', schedule: every('1h') })] }),
    ).toThrow(expect.objectContaining({ code: 'MILLRACE_KIND_DUPLICATE' }));
  });
});
