import { defineJob } from 'millrace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHostileSchema } from '../helpers/hostile-schema.ts';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { until } from '../helpers/until.ts';

/** All of a stored job that does not differ from one to the next. */
const stored = `SELECT queue, kind, priority, max_attempts, attempt, payload, meta, policy, payload_version, gate_key,
  round(extract(epoch FROM scheduled_at - created_at))::int AS delay_s, right(unique_key, 5) AS key
  FROM millrace.job ORDER BY id`;

const payload = z.record(z.string(), z.unknown());
const anyJob = defineJob({ kind: 'greet', payload });

/** For what changes nothing. */
let shared: TestMillrace;
beforeAll(async () => {
  shared = await createTestMillrace();
});
afterAll(() => shared[Symbol.asyncDispose]());

describe('enqueue', () => {
  it('makes the same job as the library', async () => {
    await using app = await createTestMillrace();
    const { millrace, database } = app;
    await millrace.enqueue(anyJob, { to: 'ada' });
    await database.query(`SELECT millrace.enqueue('greet', '{"to": "ada"}')`);
    await millrace.enqueue(
      anyJob,
      {},
      {
        queue: 'mail',
        priority: -3,
        maxAttempts: 7,
        delay: '2h',
        tags: ['a', 'b'],
        uniqueKey: '1 key',
        timeout: '30s',
      },
    );
    await database.query(`SELECT millrace.enqueue('greet', options => '{"queue": "mail", "priority": -3, "maxAttempts": 7,
      "delay": "2h", "tags": ["a", "b"], "uniqueKey": "2 key", "timeout": "30s"}')`);
    await database.query(`SELECT millrace.enqueue('greet', options => jsonb_build_object('queue', 'mail', 'priority', -3,
      'maxAttempts', 7, 'delay', interval '2 hours', 'tags', ARRAY['a', 'b'], 'uniqueKey', '3 key', 'timeout', 30000))`);
    await database.query(`SELECT millrace.enqueue('greet', options => jsonb_build_object('queue', 'mail', 'priority', -3,
      'maxAttempts', 7, 'scheduledAt', now() + interval '2 hours', 'tags', ARRAY['a', 'b'], 'uniqueKey', '4 key',
      'timeout', '00:00:30'))`);
    const [one, two, ...rest] = await database.query(stored);
    expect(two).toEqual(one);
    expect(rest).toHaveLength(4);
    for (const row of rest)
      expect(row).toEqual({ ...rest[0], key: expect.stringMatching(/key$/) as string });
    expect(rest[0]).toMatchObject({ delay_s: 7_200, policy: { timeoutMs: 30_000 } });
  });

  it('stores the version of the definition that the payload is for', async () => {
    await using app = await createTestMillrace();
    await app.database.query(
      `SELECT millrace.enqueue('greet', options => '{"payloadVersion": 3}')`,
    );
    expect(await app.database.query(stored)).toMatchObject([{ payload_version: 3 }]);
  });

  it('answers with the unfinished job that has the unique key', async () => {
    await using app = await createTestMillrace();
    const ids = await app.database
      .query(`SELECT millrace.enqueue('greet', options => '{"uniqueKey": "k"}') AS id
      UNION ALL SELECT millrace.enqueue('greet', options => '{"uniqueKey": "k"}')`);
    expect(ids[0]).toEqual(ids[1]);
    expect(await app.database.query('SELECT FROM millrace.job')).toHaveLength(1);
  });

  it('wakes a worker that waits', async () => {
    let ranMs = 0;
    const greet = anyJob.handle(() => void (ranMs = performance.now()));
    await using app = await createTestMillrace({ jobs: [greet] });
    await using worker = app.millrace.createWorker();
    await worker.start();
    const longest: number[] = [];
    for (let round = 0; round < 3; round++) {
      await until('the worker waits', async () => {
        const locks = await app.database.query(
          `SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND objid = hashtext('default')::oid`,
        );
        return locks.length > 0;
      });
      ranMs = 0;
      const startedMs = performance.now();
      await app.database.query(`SELECT millrace.enqueue('greet')`);
      await until('it ran', () => ranMs > 0);
      longest.push(ranMs - startedMs);
    }
    console.info(
      `from enqueue in SQL to the handler: ${longest.map((ms) => ms.toFixed(1)).join(', ')} ms`,
    );
    // Without a notification it would look again after 30 s.
    expect(Math.max(...longest)).toBeLessThan(3_000);
  });

  it("a trigger enqueues in the user's transaction: with its commit, not with its rollback", async () => {
    const seen: unknown[] = [];
    const shipped = defineJob({
      kind: 'order-shipped',
      payload,
      handler: (order) => void seen.push(order),
    });
    await using app = await createTestMillrace({ jobs: [shipped] });
    await app.database.query(`
      CREATE TABLE orders (id int PRIMARY KEY, state text NOT NULL);
      CREATE FUNCTION tell_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM millrace.enqueue('order-shipped', to_jsonb(NEW), jsonb_build_object('uniqueKey', 'order ' || NEW.id));
        RETURN NULL;
      END $$;
      CREATE TRIGGER tell AFTER UPDATE OF state ON orders FOR EACH ROW WHEN (NEW.state = 'shipped')
        EXECUTE FUNCTION tell_of_order();
      INSERT INTO orders VALUES (1, 'new'), (2, 'new')`);
    const client = await app.database.pool().connect();
    await client.query(`BEGIN; UPDATE orders SET state = 'shipped' WHERE id = 1; ROLLBACK`);
    await client.query(`BEGIN; UPDATE orders SET state = 'shipped' WHERE id = 2; COMMIT`);
    client.release();
    await using worker = app.millrace.createWorker();
    await worker.start();
    const unfinished = async () => (await app.database.query('SELECT FROM millrace.job')).length;
    await until('all are done', async () => (await unfinished()) === 0);
    expect(seen).toEqual([{ id: 2, state: 'shipped' }]);
  });

  it.each([
    [`enqueue('')`, '22023', 'MILLRACE_OPTION_INVALID: the kind', 'Give the kind'],
    [`enqueue(NULL)`, '22023', 'MILLRACE_OPTION_INVALID: the kind', 'Give the kind'],
    [`enqueue('a', NULL)`, '22004', 'MILLRACE_PAYLOAD_INVALID: ', 'leave it out'],
    [`enqueue('a', 'null')`, '22004', 'MILLRACE_PAYLOAD_INVALID: ', 'leave it out'],
    [
      `enqueue('a', to_jsonb(repeat('x', 1048576)))`,
      '54000',
      'MILLRACE_PAYLOAD_TOO_LARGE: the payload of a has 1048578 bytes',
      'Store the data elsewhere',
    ],
    [`enqueue('a', '{}', '[]')`, '22023', 'MILLRACE_OPTION_INVALID: the options', 'Give them as'],
    [
      `enqueue('a', '{}', '{"prio": 1}')`,
      '22023',
      `MILLRACE_OPTION_UNKNOWN: unknown option 'prio'`,
      'the options are queue, priority,',
    ],
    [`enqueue('a', '{}', '{"priority": 33}')`, '22023', 'priority must be', '{"priority": 32}'],
    [`enqueue('a', '{}', '{"priority": 1.5}')`, '22023', 'priority must be', '{"priority": 32}'],
    [`enqueue('a', '{}', '{"maxAttempts": "3"}')`, '22023', 'maxAttempts must be', 'Give it'],
    [`enqueue('a', '{}', '{"queue": 7}')`, '22023', 'queue must be text', '{"queue": "text"}'],
    [
      `enqueue('a', '{}', '{"delay": "soon"}')`,
      '22023',
      'MILLRACE_DURATION_INVALID: delay',
      '"5m"',
    ],
    [`enqueue('a', '{}', '{"delay": -1}')`, '22023', 'MILLRACE_DURATION_INVALID: delay', '"5m"'],
    [`enqueue('a', '{}', '{"delay": 1e400}')`, '22023', 'MILLRACE_DURATION_INVALID: delay', '"5m"'],
    [`enqueue('a', '{}', '{"delay": "200 years"}')`, '22023', 'MILLRACE_DURATION_INVALID', '"5m"'],
    [`enqueue('a', '{}', '{"timeout": 0}')`, '22023', 'timeout must be longer', 'leave it out'],
    [`enqueue('a', '{}', '{"scheduledAt": "x"}')`, '22023', 'scheduledAt must be', 'interval'],
    [`enqueue('a', '{}', '{"scheduledAt": "infinity"}')`, '22023', 'scheduledAt must', 'interval'],
    [
      `enqueue('a', '{}', '{"delay": 1, "scheduledAt": "2030-01-01"}')`,
      '22023',
      'give delay or scheduledAt',
      'Remove one',
    ],
    [`enqueue('a', '{}', '{"tags": "x"}')`, '22023', 'tags must be', '"nightly"'],
    [`enqueue('a', '{}', '{"tags": ["x", 7]}')`, '22023', 'tags must be', '"nightly"'],
    [`enqueue('a', '{}', '{"tags": [""]}')`, '22023', 'tags must be', '"nightly"'],
    [`pause('')`, '22023', 'MILLRACE_OPTION_INVALID: the queue', 'Give the name'],
  ])('%s is refused with a code, a reason and what to do', async (call, code, message, hint) => {
    const error: unknown = await shared.database.query(`SELECT millrace.${call}`).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
      hint: expect.stringContaining(hint) as string,
    });
  });
});

describe('what is done to jobs and queues', () => {
  it('cancel and retry answer what they did, and reach a handler in any process', async () => {
    let aborted = false;
    let running = '';
    const hang = defineJob({
      kind: 'hang',
      async handler(_, { id, signal }) {
        running = id;
        await new Promise((done) => signal.addEventListener('abort', done));
        aborted = true;
        signal.throwIfAborted();
      },
    });
    await using app = await createTestMillrace({ jobs: [hang] });
    const ask = async (call: string, ...values: unknown[]) =>
      (
        await app.database.query<{ answer: unknown }>(`SELECT millrace.${call} AS answer`, values)
      )[0]?.answer;
    const waits = await ask(`enqueue('hang', '{}', '{"delay": "1h"}')`);
    expect(await ask('cancel($1)', waits)).toBe('cancelled');
    expect(await ask('cancel($1)', waits)).toBe('finished');
    expect(await ask('cancel(987654)')).toBe('missing');
    expect(await ask('retry(987654)')).toBe('missing');
    await using worker = app.millrace.createWorker();
    await worker.start();
    expect(await ask('retry($1)', waits)).toBe('available');
    await until('it runs', () => running === waits);
    expect(await ask('retry($1)', waits)).toBe('running');
    expect(await ask(`cancel($1, 'no longer wanted')`, waits)).toBe('requested');
    await until('it is finished', async () => (await ask('cancel($1)', waits)) === 'finished');
    expect(aborted).toBe(true);
    expect(
      await app.database.query(
        'SELECT state, reason, finished_at > created_at AS later FROM millrace.history',
      ),
    ).toEqual([{ state: 'cancelled', reason: 'no longer wanted', later: true }]);
  });

  it('retry of a job whose unique key is taken says so and what to do', async () => {
    await using app = await createTestMillrace();
    const enqueue = `SELECT millrace.enqueue('a', options => '{"uniqueKey": "k"}') AS id`;
    const [first] = await app.database.query<{ id: string }>(enqueue);
    await app.database.query('SELECT millrace.cancel($1)', [first?.id]);
    await app.database.query(enqueue);
    await expect(
      app.database.query('SELECT millrace.retry($1)', [first?.id]),
    ).rejects.toMatchObject({
      code: '23505',
      message: `MILLRACE_UNIQUE_CONFLICT: the unique key of job ${first?.id} is taken by an unfinished job`,
      hint: 'Wait for that job, or cancel it.',
    });
  });

  it('a job is cancelled although the history has no table for today', async () => {
    await using app = await createTestMillrace();
    const [made] = await app.database.query<{ id: string }>(`SELECT millrace.enqueue('a') AS id`);
    await app.database.query(`DO $$ DECLARE part text; BEGIN
      FOR part IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'millrace.job_history_ended'::regclass
      LOOP EXECUTE 'DROP TABLE ' || part; END LOOP; END $$`);
    expect(await app.database.query('SELECT millrace.cancel($1) AS was', [made?.id])).toEqual([
      { was: 'cancelled' },
    ]);
  });

  it('a queue that is paused in SQL is paused for the library and the views, until it is resumed', async () => {
    const ran: string[] = [];
    const greet = anyJob.handle((_, { id }) => void ran.push(id));
    await using app = await createTestMillrace({ jobs: [greet] });
    const { database, millrace } = app;
    const ask = async (call: string) =>
      (await database.query<{ answer: unknown }>(`SELECT millrace.${call} AS answer`))[0]?.answer;
    expect(await ask(`pause('default', 'the mail server is down')`)).toBe(true);
    expect(await ask(`pause('default')`)).toBe(false);
    const id = await ask(`enqueue('greet')`);
    expect(
      await database.query('SELECT paused_by, pause_reason, available FROM millrace.queues'),
    ).toMatchObject([
      { paused_by: 'postgres', pause_reason: 'the mail server is down', available: '1' },
    ]);
    expect(await millrace.why(String(id))).toMatchObject({ code: 'queue_paused' });
    await using worker = millrace.createWorker();
    await worker.start();
    expect(await ask(`resume('default')`)).toBe(true);
    expect(await ask(`resume('default')`)).toBe(false);
    await until('it runs', () => ran.length > 0);
  });
});

describe('the interface', () => {
  it('finds nothing through the search path of the caller', async () => {
    await using app = await createTestMillrace();
    const client = await app.database.pool().connect();
    try {
      await createHostileSchema(client, 'hostile');
      await client.query('SET search_path = hostile, pg_catalog');
      const call = async (text: string) =>
        (await client.query<{ answer: unknown }>(`SELECT millrace.${text} AS answer`)).rows[0]
          ?.answer;
      const id = await call(
        `enqueue('a', '{}', '{"delay": "1h", "tags": ["x"], "uniqueKey": "k", "timeout": "1s"}')`,
      );
      expect(await call(`retry(${String(id)})`)).toBe('available');
      expect(await call(`cancel(${String(id)})`)).toBe('cancelled');
      expect(await call(`pause('default')`)).toBe(true);
      expect(await call(`resume('default')`)).toBe(true);
      for (const view of ['jobs', 'history', 'queues', 'schedules', 'workers']) {
        await client.query(`TABLE millrace.${view}`);
      }
    } finally {
      client.release(true);
    }
  });

  it('is there in a schema of any name', async () => {
    const schema = `o'dd "%I" $1 \\ schema`;
    await using app = await createTestMillrace({ database: { template: 'template0' }, schema });
    await app.millrace.migrate();
    const s = `"${schema.replaceAll('"', '""')}"`;
    const [made] = await app.database.query<{ id: string }>(`SELECT ${s}.enqueue('a') AS id`);
    expect(await app.millrace.cancel(made?.id ?? '')).toEqual({
      status: 'cancelled',
      state: 'cancelled',
    });
    expect(await app.database.query(`SELECT ${s}.retry($1) AS was`, [made?.id])).toEqual([
      { was: 'available' },
    ]);
    expect(await app.database.query(`SELECT queue, available FROM ${s}.queues`)).toEqual([
      { queue: 'default', available: '1' },
    ]);
  });

  /**
   * Version 1, as it was released: columns, arguments and their order stay for as long as there is a version 1. A line may
   * get more at its end, and only there.
   */
  const version1 = {
    views: {
      history:
        'id bigint, kind text, state text, queue text, priority smallint, attempt smallint, max_attempts smallint, crashes smallint, payload jsonb, tags jsonb, unique_key text, created_at timestamp with time zone, scheduled_at timestamp with time zone, claimed_at timestamp with time zone, finished_at timestamp with time zone, result jsonb, reason text, worker text',
      jobs: 'id bigint, kind text, state text, queue text, priority smallint, attempt smallint, max_attempts smallint, crashes smallint, payload jsonb, tags jsonb, unique_key text, created_at timestamp with time zone, scheduled_at timestamp with time zone, claimed_at timestamp with time zone, finished_at timestamp with time zone, result jsonb, reason text, cancel_requested boolean',
      queues:
        'queue text, available bigint, running bigint, due_exact boolean, scheduled bigint, retryable bigint, later_exact boolean, oldest_due_at timestamp with time zone, finished_per_minute double precision, workers integer, paused_at timestamp with time zone, paused_by text, pause_reason text',
      schedules:
        'name text, kind text, spec text, anchor timestamp with time zone, considered_until timestamp with time zone, last_fire timestamp with time zone, last_job_id bigint, last_job_state text, known boolean, paused_at timestamp with time zone, paused_by text, pause_reason text, last_run_at timestamp with time zone, last_run_by text, last_run_job_id bigint',
      workers:
        'no integer, boot uuid, role text, host text, pid integer, version text, mode text, concurrency integer, kinds text[], held_kinds text[], queues text[], schedules text[], started_at timestamp with time zone, seen_at timestamp with time zone, running bigint, alone_job_id bigint, blocked_since timestamp with time zone, blocked_by_job_ids bigint[]',
    },
    functions: {
      cancel: `id bigint, reason text DEFAULT 'cancelled on request'::text`,
      enqueue: `kind text, payload jsonb DEFAULT '{}'::jsonb, options jsonb DEFAULT '{}'::jsonb`,
      pause: `queue text, reason text DEFAULT ''::text, paused_by text DEFAULT SESSION_USER`,
      resume: 'queue text',
      retry: 'id bigint',
    },
  } as const;

  it('keeps every view and function of version 1, and names no other so', async () => {
    const views = await shared.database.query<{ name: string; columns: string }>(`
      SELECT c.relname AS name, string_agg(a.attname || ' ' || format_type(a.atttypid, NULL), ', ' ORDER BY a.attnum) AS columns
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       WHERE c.relnamespace = 'millrace'::regnamespace AND c.relkind = 'v' AND obj_description(c.oid, 'pg_class') LIKE 'SQL interface 1. %'
       GROUP BY c.relname`);
    const functions = await shared.database.query<{ name: string; columns: string }>(`
      SELECT p.proname AS name, pg_get_function_arguments(p.oid) AS columns FROM pg_proc p
       WHERE p.pronamespace = 'millrace'::regnamespace AND obj_description(p.oid, 'pg_proc') LIKE 'SQL interface 1. %'`);
    // What came later, at the end, is left out.
    const kept = (found: string, known = '') =>
      found === known || found.startsWith(`${known}, `) ? known : found;
    const known: Readonly<Record<string, string>> = { ...version1.views, ...version1.functions };
    const found = [...views, ...functions].map(({ name, columns }) => [
      name,
      kept(columns, known[name]),
    ]);
    expect(Object.fromEntries(found)).toEqual(known);
  });
});
