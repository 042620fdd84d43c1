import { AssertionError } from 'node:assert';
import { cron, defineJob, discard, every, fixed, retryAfter, snooze } from 'millrace';
import { assertEnqueued, crashPoints, drain, driveClock, simulate } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { MillraceOptions } from '../../packages/millrace/src/core/millrace.ts';
import { createTestMillrace } from '../helpers/millrace.ts';

const count = defineJob({ kind: 'count', payload: z.object({ n: z.number() }) });

async function open(options: MillraceOptions) {
  const { database, millrace, [Symbol.asyncDispose]: close } = await createTestMillrace(options);
  return { database, millrace, [Symbol.asyncDispose]: close };
}

describe('drain', () => {
  it('W13: a failing job is settled, and its error reaches the caller as it was thrown', async () => {
    const failure = new TypeError('no such guest');
    const welcome = defineJob({ kind: 'welcome', handler: () => Promise.reject(failure) });
    await using app = await open({ jobs: [welcome] });
    const { id } = await app.millrace.enqueue(welcome);
    await expect(drain(app.millrace)).rejects.toBe(failure);
    expect(await app.millrace.get(id)).toMatchObject({
      state: 'retryable',
      attempt: 1,
      attempts: [{ ending: 'failed', error: { name: 'TypeError', message: 'no such guest' } }],
    });
  });

  it('W13: with `collect` the errors are gathered, and the other jobs run in their order', async () => {
    const ran: number[] = [];
    const handler = count.handle(async ({ n }) => {
      ran.push(n);
      if (n % 2 === 1) throw new Error(`odd: ${n}`);
    });
    await using app = await open({ jobs: [handler] });
    await app.millrace.enqueueMany([1, 2, 3, 4].map((n) => count.with({ n })));
    const { attempts, errors, left } = await drain(app.millrace, { collect: true });
    expect(ran).toEqual([1, 2, 3, 4]);
    expect(errors).toEqual([new Error('odd: 1'), new Error('odd: 3')]);
    const states = ['retryable', 'completed', 'retryable', 'completed'];
    expect(attempts.map(({ state }) => state)).toEqual(states);
    expect(attempts[0]?.error).toBe(errors[0]);
    expect(left).toEqual([]);
  });

  it('W13: an error before the handler is thrown too, with its code', async () => {
    const strict = count.handle(async () => {});
    await using app = await open({ jobs: [strict] });
    const other = defineJob({ kind: 'count', payload: z.object({ n: z.string() }) });
    await app.millrace.enqueue(other, { n: 'seven' });
    await expect(drain(app.millrace)).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_UNREADABLE',
    });
  });

  it('runs what jobs enqueue, in whatever queue, and leaves what is not due', async () => {
    const ran: string[] = [];
    const child = count.handle(async ({ n }, { queue }) => void ran.push(`${queue} ${n}`));
    const parent = defineJob({
      kind: 'parent',
      async handler(_, { enqueue }) {
        await enqueue(child, { n: 1 }, { queue: 'elsewhere' });
        await enqueue(child, { n: 2 });
        await enqueue(child, { n: 3 }, { delay: '1h' });
      },
    });
    await using app = await open({ jobs: [parent, child] });
    await app.millrace.enqueue(parent);
    await drain(app.millrace);
    expect(ran.toSorted()).toEqual(['default 2', 'elsewhere 1']);
    await assertEnqueued(app.millrace, count, { payload: { n: 3 }, state: 'scheduled', count: 1 });
  });

  it('takes what a handler asks for as no error', async () => {
    const asks = [undefined, retryAfter('1h', new Error('busy')), discard('too late')];
    const handler = count.handle(async ({ n }) => {
      if (n === 0) throw snooze('1h');
      return asks[n];
    });
    await using app = await open({ jobs: [handler] });
    await app.millrace.enqueueMany([0, 1, 2].map((n) => count.with({ n })));
    const { attempts } = await drain(app.millrace);
    expect(attempts.map(({ state }) => state)).toEqual(['scheduled', 'retryable', 'discarded']);
    expect(attempts.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
  });

  it('says what is due and has no handler here', async () => {
    await using app = await open({ jobs: [count.handle(async () => {})] });
    await app.millrace.enqueue(defineJob({ kind: 'stranger' }));
    const { attempts, left } = await drain(app.millrace);
    expect(attempts).toEqual([]);
    expect(left).toEqual([{ queue: 'default', kind: 'stranger', jobs: 1 }]);
  });

  it('leaves a paused queue alone, and says so', async () => {
    await using app = await open({ jobs: [count.handle(async () => {})] });
    await app.millrace.pauseQueue('default', { by: 'ada', reason: 'no mails today' });
    await app.millrace.enqueue(count, { n: 1 });
    const paused = await drain(app.millrace);
    expect(paused.left).toEqual([{ queue: 'default', kind: 'count', jobs: 1 }]);
    await app.millrace.resumeQueue('default');
    expect(await drain(app.millrace)).toMatchObject({
      attempts: [{ state: 'completed' }],
      left: [],
    });
  });

  it('stops jobs that make themselves due for ever', async () => {
    const again = defineJob({ kind: 'again', handler: async () => snooze(0) });
    await using app = await open({ jobs: [again] });
    await app.millrace.enqueue(again);
    const run = drain(app.millrace, { limit: 20 });
    await expect(run).rejects.toMatchObject({ code: 'MILLRACE_TEST_ENDLESS' });
    await expect(run).rejects.toThrow(`the last one of 'again'`);
  });

  it('runs handlers that are given, several at a time when told so', async () => {
    const together = Promise.withResolvers<void>();
    let running = 0;
    const handler = count.handle(async () => {
      running += 1;
      if (running === 3) together.resolve();
      await together.promise;
    });
    await using app = await open({ jobs: [count] });
    await app.millrace.enqueueMany([1, 2, 3].map((n) => count.with({ n })));
    const { attempts } = await drain(app.millrace, { handlers: [handler], concurrency: 3 });
    expect(attempts).toHaveLength(3);
    const wrong = drain(app.millrace, { handlers: [count] });
    await expect(wrong).rejects.toMatchObject({ code: 'MILLRACE_HANDLER_MISSING' });
  });

  it('leaves no worker and no connection behind', async () => {
    await using app = await open({ jobs: [count.handle(async () => {})] });
    await app.millrace.enqueue(count, { n: 1 });
    await drain(app.millrace);
    expect(await app.database.query('SELECT no FROM millrace.worker')).toEqual([]);
    const others = `SELECT application_name FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'millrace'`;
    // The pool that `enqueue` used.
    await expect.poll(async () => (await app.database.query(others)).length).toBeLessThanOrEqual(1);
  });
});

describe('drain with a crash', () => {
  it.each(crashPoints)('lets the process die %s, and another one goes on', async (crashAt) => {
    let runs = 0;
    const handler = count.handle(async () => void (runs += 1));
    await using app = await open({ jobs: [handler] });
    const { id } = await app.millrace.enqueue(count, { n: 1 });
    const { attempts } = await drain(app.millrace, { crashAt });
    const job = await app.millrace.get(id);
    expect(job).toMatchObject({ state: 'completed', attempt: 1 });
    const died = crashAt === 'after-commit' ? 0 : 1;
    expect(job?.crashes).toBe(died);
    expect(job?.attempts.map(({ ending }) => ending)).toEqual(died === 1 ? ['crashed'] : []);
    expect(runs).toBe(crashAt === 'after-handler' || crashAt === 'before-commit' ? 2 : 1);
    const states = attempts.map(({ state }) => state);
    expect(states).toEqual(died === 1 ? ['crashed', 'completed'] : ['completed']);
  });

  it.each(crashPoints)(
    'undoes a transactional handler, unless it dies %s, once',
    async (crashAt) => {
      let runs = 0;
      const handler = defineJob({
        kind: 'pay',
        transaction: true,
        async handler(_, { tx, enqueue }) {
          runs += 1;
          await tx.query('INSERT INTO payment VALUES (1)');
          await enqueue(count, { n: 1 });
        },
      });
      await using app = await open({ jobs: [handler] });
      await app.database.query('CREATE TABLE payment (id int)');
      await app.millrace.enqueue(handler);
      await drain(app.millrace, { crashAt });
      expect(runs).toBe(crashAt === 'after-handler' || crashAt === 'before-commit' ? 2 : 1);
      expect(await app.database.query('SELECT id FROM payment')).toEqual([{ id: 1 }]);
      await assertEnqueued(app.millrace, count, { count: 1 });
    },
  );

  it('keeps what a plain handler wrote, so that a test of idempotency fails where it must', async () => {
    await using app = await open({ jobs: [] });
    const pool = app.database.pool();
    await pool.query('CREATE TABLE payment (id int)');
    const handler = count.handle(async ({ n }) => {
      await pool.query('INSERT INTO payment VALUES ($1)', [n]);
    });
    await app.millrace.enqueue(count, { n: 7 });
    await drain(app.millrace, { handlers: [handler], crashAt: 'after-handler' });
    expect((await pool.query('SELECT id FROM payment')).rows).toEqual([{ id: 7 }, { id: 7 }]);
  });

  it('says when nothing crashed', async () => {
    await using app = await open({ jobs: [count.handle(async () => {})] });
    await expect(drain(app.millrace, { crashAt: 'after-claim' })).rejects.toMatchObject({
      code: 'MILLRACE_TEST_CRASH_MISSED',
    });
  });
});

describe('simulate', () => {
  it('lets a week of schedules, delays and retries pass', async () => {
    const ran: string[] = [];
    const note = (name: string, at: Date) => ran.push(`${name} ${at.toISOString()}`);
    const often = defineJob({
      kind: 'often',
      schedule: every('6h'),
      handler: async () => {},
    });
    const nightly = defineJob({
      kind: 'nightly',
      schedule: cron('0 3 * * *'),
      retry: fixed('10m', { jitter: 0 }),
      async handler(_, { attempt, scheduledAt }) {
        note(`nightly ${attempt}`, scheduledAt);
        if (attempt < 3) throw new Error('not yet');
      },
    });
    const later = count.handle(async (_, { scheduledAt }) => void note('later', scheduledAt));
    await using app = await open({ jobs: [often, nightly, later] });
    await app.millrace.enqueue(count, { n: 1 }, { delay: '2d' });
    const startedMs = performance.now();
    const result = await simulate(app.millrace, { for: '7d', collect: true });
    console.log(`a week of 50 attempts in ${Math.round(performance.now() - startedMs)} ms`);
    expect(result.until.getTime() - result.from.getTime()).toBe(7 * 86_400_000);
    expect(result).toMatchObject({ fired: 28 + 7, left: [] });
    expect(result.attempts).toHaveLength(28 + 21 + 1);
    expect(result.errors).toHaveLength(14);
    const nights = ran.filter((line) => line.startsWith('nightly'));
    const first = new Date(nights[0]?.slice('nightly 1 '.length) ?? '');
    const at = (minutes: number) => new Date(first.getTime() + minutes * 60_000).toISOString();
    expect(at(0)).toContain('T03:00:00.000Z');
    expect(nights.slice(0, 4)).toEqual([
      `nightly 1 ${at(0)}`,
      `nightly 2 ${at(10)}`,
      `nightly 3 ${at(20)}`,
      `nightly 1 ${at(24 * 60)}`,
    ]);
    const job = (await app.millrace.list({ kind: 'count' })).jobs[0];
    expect(ran).toContain(`later ${job?.scheduledAt.toISOString()}`);
  });

  it('goes on from where it stopped, and the time flows on', async () => {
    const daily = defineJob({ kind: 'daily', schedule: every('1d'), handler: async () => {} });
    await using app = await open({ jobs: [daily] });
    const first = await simulate(app.millrace, { for: '36h' });
    const second = await simulate(app.millrace, {
      until: new Date(first.until.getTime() + 86_400_000),
    });
    expect([first.fired, second.fired]).toEqual([1, 1]);
    await using clock = await driveClock(app.millrace);
    const now = await clock.now();
    expect(now.getTime()).toBeGreaterThanOrEqual(second.until.getTime());
    await expect.poll(() => clock.now()).not.toEqual(now);
  });

  it('throws the error of a handler or a schedule, and stays where it is', async () => {
    const failing = defineJob({
      kind: 'failing',
      schedule: every('1h'),
      handler: () => Promise.reject(new Error('no')),
    });
    await using app = await open({ jobs: [failing] });
    const times: Date[] = [];
    const run = simulate(app.millrace, { for: '1d', onTime: (now) => times.push(now) });
    await expect(run).rejects.toThrow('no');
    const [from, failed, ...rest] = times.map((time) => time.getTime());
    expect((failed ?? 0) - (from ?? 0)).toBe(3_600_000);
    expect(rest).toEqual([]);
    await using clock = await driveClock(app.millrace);
    expect((await clock.now()).getTime() - (failed ?? 0)).toBeLessThan(60_000);

    const broken = defineJob({
      kind: 'broken',
      payload: z.object({ n: z.number() }),
      schedule: { at: every('1h'), payload: () => JSON.parse('{}') as { n: number } },
    });
    await using other = await open({ jobs: [broken, count.handle(async () => {})] });
    await expect(simulate(other.millrace, { for: '1d' })).rejects.toThrow('payload');
  });

  it('wants to know how long', async () => {
    await using app = await open({ jobs: [] });
    await expect(simulate(app.millrace, {})).rejects.toMatchObject({
      code: 'MILLRACE_OPTION_INVALID',
    });
  });
});

describe('assertEnqueued', () => {
  it('finds jobs by a part of what they are', async () => {
    await using app = await open({ jobs: [] });
    const job = defineJob({
      kind: 'mail',
      payload: z.object({
        to: z.string(),
        lines: z.array(z.object({ no: z.number(), text: z.string() })),
      }),
    });
    const payload = { to: 'ada', lines: [{ no: 1, text: 'hello' }] };
    const options = {
      queue: 'mails',
      priority: 3,
      tags: ['a', 'b'],
      uniqueKey: 'k',
      delay: '10m',
    } as const;
    await app.millrace.enqueue(job, payload, options);
    const [found] = await assertEnqueued(app.millrace, job, {
      payload: { to: 'ada' },
      ...options,
      tags: ['b'],
    });
    expect(found).toMatchObject({ kind: 'mail', payload });
    await assertEnqueued(app.millrace, job, { payload: { lines: [{ no: 1, text: 'hello' }] } });
    await assertEnqueued(app.millrace, job, {
      payload: (stored: typeof payload) => stored.to === 'ada',
    });
    await assertEnqueued(app.millrace, job, { payload: { to: 'bob' }, count: 0 });
    const wrong = [
      { queue: 'default' },
      { priority: 0 },
      { tags: ['c'] },
      { uniqueKey: 'x' },
      { delay: '1m' },
    ] as const;
    for (const like of wrong) await assertEnqueued(app.millrace, job, { ...like, count: 0 });
  });

  it('shows what is enqueued when it fails', async () => {
    await using app = await open({ jobs: [] });
    await expect(assertEnqueued(app.millrace, count)).rejects.toThrow(
      "expected a job 'count' to be enqueued, but found none.\nNo job is in the database.",
    );
    await app.millrace.enqueue(count, { n: 7 }, { delay: '1h', tags: ['vip'] });
    await expect(
      assertEnqueued(app.millrace, count, { payload: { n: 8 }, queue: 'fast' }),
    ).rejects.toThrow(
      `expected a job 'count' with payload {"n":8}, queue "fast" to be enqueued, but found none.
Jobs of 'count' in the database:
  1 count scheduled {"n":7} · delay 1h · tags vip`,
    );
    const other = assertEnqueued(app.millrace, defineJob({ kind: 'other' }), { count: 2 });
    await expect(other).rejects.toBeInstanceOf(AssertionError);
    await expect(other).rejects.toThrow(
      `expected 2 jobs 'other' to be enqueued, but found none.\nJobs in the database:`,
    );
    await expect(assertEnqueued(app.millrace, count, { count: 0 })).rejects.toThrow('but found 1');
  });
});
