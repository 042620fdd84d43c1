/** Payloads and results that nobody reads in the database, on the command line or in the log. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createMillrace,
  defineJob,
  every,
  type Job,
  type Logger,
  type Millrace,
  type MillraceOptions,
} from 'millrace';
import { encryption } from 'millrace/encryption';
import { assertEnqueued, driveClock } from 'millrace/testing';
import { protobuf } from 'millrace/protobuf';
import { type } from 'arktype';
import { z } from 'zod';
import { isolated } from '../fixtures/isolated.ts';
import { OlderSchema } from '../fixtures/gen/older_pb.ts';
import { createProject, expectFailure } from '../helpers/cli.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';

const secret = 'fish-4711-ämber';
const keys = { young: randomBytes(32), old: randomBytes(32) };
const sealing = encryption({ keys, current: 'young' });

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function app(...[options]: Parameters<typeof createTestMillrace>): Promise<TestMillrace> {
  const made = await createTestMillrace({ use: [sealing], ...options });
  open.push(made);
  return made;
}

/** Another process of the same application. */
function another({ database }: TestMillrace, options: MillraceOptions): Millrace {
  const made = createMillrace({ connection: database.url, logger: false, ...options });
  open.push(made);
  return made;
}

/** Tables of the schema, partitions included, of which a row contains this text. */
async function tablesWith(database: TestDatabase, text: string): Promise<string[]> {
  const tables = await database.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c
      WHERE c.relnamespace = 'millrace'::regnamespace AND c.relkind = 'r'`,
  );
  expect(tables.length).toBeGreaterThan(10);
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await database.query(
      `SELECT FROM ${name} t WHERE position($1 IN to_jsonb(t)::text) > 0 LIMIT 1`,
      [text],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}

function notingLogger(lines: string[]): Logger {
  const line = (details: object, message: string) =>
    void lines.push(`${message} ${JSON.stringify(details)}`);
  return { debug: line, info: line, warn: line, error: line };
}

const mail = defineJob({
  kind: 'mail',
  payload: z.object({ to: z.string() }),
  maxAttempts: 2,
  async handler({ to }, { attempt, logger, progress, enqueue }) {
    logger.info({ attempt }, 'sending');
    progress(50, 'half');
    if (attempt === 1) throw new Error('try again');
    await enqueue(note, [to]);
    return { sentTo: to };
  },
});
const note = defineJob({ kind: 'note', payload: z.array(z.string()) });

describe('an encrypted job', () => {
  it('is readable in no table and no line of the log, from its enqueueing to its end', async () => {
    const lines: string[] = [];
    const { millrace, database } = await app({
      jobs: [mail, note],
      captureLogs: true,
      logger: notingLogger(lines),
    });
    const { id } = await millrace.enqueue(mail, { to: secret });
    await millrace.enqueueMany([mail.with({ to: secret }, { uniqueKey: 'a', delay: '1h' })]);
    // The same test sees what is not encrypted.
    await millrace.enqueue(mail, { to: 'x' }, { tags: ['plain-tag'], delay: '1h' });
    expect(await tablesWith(database, 'plain-tag')).toEqual(['millrace.job']);
    const worker = millrace.createWorker({ concurrency: 1, handlers: [mail] });
    await worker.tick();
    await millrace.retry(id);
    await worker.tick();
    await worker.stop();
    const job = await millrace.get(id);
    expect(job).toMatchObject({ state: 'completed', attempt: 2 });
    expect(sealing.open(job as Job)).toEqual({
      payload: { to: secret },
      result: { sentTo: secret },
    });
    expect(lines).not.toEqual([]);
    for (const text of [secret, 'sentTo', JSON.stringify(secret).slice(1, 8)]) {
      expect(await tablesWith(database, text)).toEqual([]);
      expect(lines.filter((line) => line.includes(text))).toEqual([]);
    }
  });

  it('runs whatever its codec is, also in a process of its own, and when a schedule makes it', async () => {
    const got: unknown[] = [];
    const sent = defineJob({
      kind: 'sent',
      payload: protobuf(OlderSchema),
      handler: ({ name }) => void got.push(name),
    });
    const nightly = defineJob({
      kind: 'nightly',
      payload: z.object({ to: z.string() }),
      schedule: { at: every('1m'), payload: () => ({ to: secret }) },
      handler: ({ to }) => void got.push(to),
    });
    const made = await app({ jobs: [sent, nightly, isolated] });
    const { millrace, database } = made;
    await using clock = await driveClock(database.url);
    const scheduler = millrace.createScheduler();
    await scheduler.tick();
    await clock.advance('1m');
    await scheduler.tick();
    await scheduler.stop();
    await millrace.enqueue(sent, { name: secret });
    const { id } = await millrace.enqueue(isolated, { does: 'add' });
    expect(await tablesWith(database, secret)).toEqual([]);
    expect(await tablesWith(database, '"add"')).toEqual([]);
    await millrace.createWorker().tick();
    expect(got).toEqual([secret, secret]);
    const job = await millrace.get(id);
    expect(job?.state).toBe('completed');
    expect(sealing.open(job as Job).result).toMatchObject({ parent: process.pid });
  });

  it('of an earlier version is upgraded from what was encrypted', async () => {
    const got: unknown[] = [];
    const first = defineJob({ kind: 'mail', payload: z.object({ to: z.string() }) });
    const second = defineJob({
      kind: 'mail',
      version: 2,
      payload: z.object({ to: z.array(z.string()) }),
      upgrade: { 1: ({ to }: { to: string }) => ({ to: [to] }) },
      handler: (payload) => void got.push(payload),
    });
    const { millrace } = await app({ jobs: [second] });
    await millrace.enqueue(first, { to: 'ann' });
    await millrace.enqueue(second, { to: ['bob'] });
    await millrace.createWorker().tick();
    expect(got).toEqual(expect.arrayContaining([{ to: ['ann'] }, { to: ['bob'] }]));
  });

  it('counts by what is stored of it', async () => {
    const { millrace } = await app({ jobs: [mail], payloadMaxBytes: 100 });
    await expect(millrace.enqueue(mail, { to: 'x'.repeat(60) })).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_TOO_LARGE',
    });
  });

  it('is compared as what it is by assertEnqueued', async () => {
    const { millrace } = await app({ jobs: [mail] });
    await millrace.enqueue(mail, { to: 'ann' });
    const [job] = await assertEnqueued(millrace, mail, { payload: { to: 'ann' } });
    expect(job?.payload).toEqual({ to: 'ann' });
    await expect(assertEnqueued(millrace, mail, { payload: { to: 'bob' } })).rejects.toThrow(
      'found none',
    );
  });
});

describe('keys', () => {
  it('that were replaced decrypt what they have encrypted, and a job without its key waits for it', async () => {
    const got: string[] = [];
    const job = defineJob({
      kind: 'job',
      payload: z.object({ to: z.string() }),
      handler: ({ to }) => void got.push(to),
    });
    const before = await app({ jobs: [job], use: [encryption({ keys, current: 'old' })] });
    const { id } = await before.millrace.enqueue(job, { to: 'ann' });
    const youngOnly = encryption({ keys: { young: keys.young }, current: 'young' });
    const tooEarly = another(before, { jobs: [job], use: [youngOnly] });
    await tooEarly.createWorker().tick();
    expect(await tooEarly.get(id)).toMatchObject({
      state: 'retryable',
      attempts: [{ error: { code: 'MILLRACE_ENCRYPTION_KEY_MISSING' } }],
    });
    const rotated = another(before, { jobs: [job], use: [sealing] });
    await rotated.retry(id);
    const { id: next } = await rotated.enqueue(job, { to: 'bob' });
    expect(await rotated.get(next)).toMatchObject({ payload: { kid: 'young' } });
    await rotated.createWorker().tick();
    expect(got.toSorted()).toEqual(['ann', 'bob']);
  });
});

describe('what was not meant to be run', () => {
  const got: unknown[] = [];
  const lenient = {
    payload: z.record(z.string(), z.unknown()),
    handler: (payload: unknown) => void got.push(payload),
  };
  const job = defineJob({ kind: 'job', ...lenient });
  const other = defineJob({ kind: 'other', ...lenient });

  afterEach(() => void got.splice(0));

  async function attemptOf(
    made: TestMillrace,
    id: string,
    use: MillraceOptions['use'] = [sealing],
  ) {
    const millrace = another(made, { jobs: [job, other], use });
    await millrace.createWorker().tick();
    return millrace.get(id);
  }

  it.each([
    [
      'was changed',
      `payload = jsonb_set(payload::jsonb, '{data}', to_jsonb(repeat('A', 60)))::json`,
    ],
    ['was moved to another kind', `kind = 'other'`],
    ['was moved to another version', `payload_version = 0`],
  ])('a payload that %s is not run, and its job is not lost', async (_, change) => {
    const made = await app({ jobs: [job, other] });
    const { id } = await made.millrace.enqueue(job, { to: 'ann' });
    await made.database.query(`UPDATE millrace.job SET ${change}`);
    expect(await attemptOf(made, id)).toMatchObject({
      state: 'retryable',
      attempts: [{ error: { code: 'MILLRACE_ENCRYPTION_INVALID' } }],
    });
    expect(got).toEqual([]);
  });

  it('a process that only decodes runs what is encrypted, and encrypts nothing', async () => {
    const made = await app({ jobs: [job] });
    const { id } = await made.millrace.enqueue(job, { to: 'ann' });
    const { decode } = sealing;
    expect(await attemptOf(made, id, [{ decode }])).toMatchObject({ state: 'completed' });
    expect(got).toEqual([{ to: 'ann' }]);
    const only = another(made, { jobs: [job], use: [{ decode }] });
    const plain = await only.enqueue(job, { to: 'bob' });
    expect(await only.get(plain.id)).toMatchObject({ payload: { to: 'bob' } });
  });

  it('a ciphertext is never taken for a payload where nothing decrypts it', async () => {
    const made = await app({ jobs: [job] });
    const { id } = await made.millrace.enqueue(job, { to: 'ann' });
    expect(await attemptOf(made, id, [])).toMatchObject({
      state: 'retryable',
      attempts: [{ error: { code: 'MILLRACE_ENCRYPTION_KEY_MISSING' } }],
    });
    expect(got).toEqual([]);
  });

  it('jobs from before, and of SQL, run; unless nobody without a key may make one', async () => {
    const made = await app({ jobs: [job], use: [] });
    const { id } = await made.millrace.enqueue(job, { to: 'ann' });
    await made.database.query(`SELECT millrace.enqueue('job', '{"to":"sql"}')`);
    const strict = encryption({ keys, current: 'young', allowPlain: false });
    expect(await attemptOf(made, id, [strict])).toMatchObject({
      attempts: [{ error: { code: 'MILLRACE_ENCRYPTION_INVALID' } }],
    });
    await made.database.query('UPDATE millrace.job SET run_at = now()');
    await attemptOf(made, id);
    expect(got).toEqual(expect.arrayContaining([{ to: 'ann' }, { to: 'sql' }]));
  });
});

describe('errors about encrypted payloads', () => {
  it('say nothing of their values, whatever a validator says', async () => {
    const loose = defineJob({ kind: 'job', payload: type({ to: 'string' }) });
    const strict = defineJob({
      kind: 'job',
      payload: type({ to: 'string.email' }),
      handler() {},
    });
    const enqueuing = defineJob({
      kind: 'enqueuing',
      handler: async (_, { enqueue }) => void (await enqueue(strict, { to: secret })),
    });
    const { millrace, database } = await app({ jobs: [strict, enqueuing] });
    const { id } = await millrace.enqueue(loose, { to: secret });
    await millrace.enqueue(enqueuing);
    await millrace.createWorker().tick();
    expect(await millrace.get(id)).toMatchObject({
      attempts: [{ error: { code: 'MILLRACE_PAYLOAD_UNREADABLE' } }],
    });
    const { jobs } = await millrace.list({ kind: 'enqueuing' });
    expect(await millrace.get(jobs[0]?.id ?? '')).toMatchObject({
      attempts: [{ error: { code: 'MILLRACE_PAYLOAD_INVALID' } }],
    });
    expect(await tablesWith(database, secret)).toEqual([]);
  });
});

describe('editing an encrypted payload', () => {
  it('encrypts the new one, and is refused where nothing encrypts', async () => {
    const made = await app({ jobs: [mail] });
    const { id } = await made.millrace.enqueue(mail, { to: 'ann' });
    await made.millrace.edit(id, { payload: { to: secret } });
    await made.millrace.bulk('edit', { kind: 'mail' }, { payload: { to: secret } });
    const job = (await made.millrace.get(id)) as Job;
    expect(sealing.open(job).payload).toEqual({ to: secret });
    expect(await tablesWith(made.database, secret)).toEqual([]);
    for (const jobs of [[], [mail]]) {
      const without = another(made, { jobs });
      await expect(without.edit(id, { payload: { to: 'x' } })).rejects.toMatchObject({
        code: 'MILLRACE_ENCRYPTION_KEY_MISSING',
      });
      await expect(
        without.bulk('edit', { kind: 'mail' }, { payload: { to: 'x' } }),
      ).rejects.toMatchObject({ code: 'MILLRACE_ENCRYPTION_KEY_MISSING' });
      await expect(without.edit(id, { priority: 3 })).resolves.toMatchObject({ status: 'done' });
    }
    expect(await made.millrace.get(id)).toMatchObject({ payload: job.payload, priority: 3 });
  });
});

describe('the command line', () => {
  const config = `
import { createMillrace, defineJob } from 'millrace';
import { encryption } from 'millrace/encryption';
import { z } from 'zod';
const mail = defineJob({
  kind: 'mail',
  payload: z.object({ to: z.string() }),
  handler: async ({ to }) => ({ sentTo: to }),
});
const keys = { young: process.env.KEY };
export default createMillrace({ jobs: [mail], use: [encryption({ keys, current: 'young' })] });
`;

  it('shows which key there is in place of a payload and of a result, and edits encrypted', async () => {
    const made = await app({ jobs: [] });
    using project = createProject({ 'millrace.config.ts': config });
    const env = { DATABASE_URL: made.database.url, KEY: keys.young.toString('base64') };
    const printed: string[] = [];
    const run = async (...args: string[]) => {
      const result = await project.run(args, { env });
      printed.push(result.stdout, result.stderr);
      return result;
    };
    await run('enqueue', 'mail', JSON.stringify({ to: secret }));
    const [id = ''] = (await made.millrace.list()).jobs.map((job) => job.id);
    await run('jobs', 'edit', id, '--payload', JSON.stringify({ to: `${secret}!` }));
    expect((await run('jobs', 'show', id)).stdout).toContain('[encrypted, key young]');
    await run('jobs', 'show', id, '--json');
    await run('jobs', 'list', '--json');
    const filter = JSON.stringify({ to: `${secret}!` });
    expect((await run('jobs', 'list', '--payload-contains', filter)).stdout).not.toContain('mail');
    expect((await run('jobs', 'run', id)).stdout).toContain('[encrypted, key young]');
    await run('jobs', 'show', id);
    const job = (await made.millrace.get(id)) as Job;
    expect(sealing.open(job).result).toEqual({ sentTo: `${secret}!` });
    expect(printed.filter((text) => text.includes(secret))).toEqual([]);
    expect(await tablesWith(made.database, secret)).toEqual([]);
    using bare = createProject();
    const edit = ['jobs', 'edit', id, '--payload', '{}'];
    expectFailure(await bare.run(edit, { env }), 'MILLRACE_ENCRYPTION_KEY_MISSING', "'young'");
  });
});
