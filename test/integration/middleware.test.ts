/** The application's own code around enqueueing and attempts, on a real database. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  cancel,
  createMillrace,
  defineJob,
  every,
  snooze,
  type Middleware,
  type MillraceOptions,
} from 'millrace';
import { driveClock, drain, runJob } from 'millrace/testing';
import { z } from 'zod';
import { isolated } from '../fixtures/isolated.ts';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { recordEvents } from '../helpers/recorded.ts';
import { until } from '../helpers/until.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function app(options: MillraceOptions): Promise<TestMillrace> {
  const made = await createTestMillrace(options);
  open.push(made);
  return made;
}

/** Writes down when a job goes into it and comes out. */
function noting(name: string, steps: string[]): Middleware {
  return {
    async enqueue(_, next) {
      steps.push(`> ${name}`);
      const answer = await next();
      steps.push(`< ${name} ${answer?.status}`);
      return answer;
    },
    async attempt({ attempt }, next) {
      steps.push(`> ${name} ${attempt}`);
      const result = await next();
      steps.push(`< ${name} ${String(result)}`);
      return `${name}(${String(result)})`;
    },
  };
}

const mail = defineJob({ kind: 'mail', payload: z.object({ to: z.string() }) });

describe('the order', () => {
  it('createMillrace is outside of the definition, and the first of a list outside of the second', async () => {
    const steps: string[] = [];
    const job = defineJob({
      kind: 'job',
      use: [noting('c', steps)],
      handler: async () => 'done',
    });
    const { millrace } = await app({
      jobs: [job],
      use: [noting('a', steps), noting('b', steps)],
    });
    const { id } = await millrace.enqueue(job);
    const answers = ['> a', '> b', '> c', '< c created', '< b created', '< a created'];
    expect(steps.splice(0)).toEqual(answers);
    await millrace.createWorker().tick();
    expect(steps).toEqual(['> a 1', '> b 1', '> c 1', '< c done', '< b c(done)', '< a b(c(done))']);
    expect(await millrace.get(id)).toMatchObject({ result: 'a(b(c(done)))' });
  });
});

describe('around enqueueing', () => {
  it('middleware changes payload and options, and what it makes is judged', async () => {
    const job = defineJob({
      kind: 'job',
      payload: z.object({ to: z.string().max(5) }),
      use: [
        {
          enqueue: ({ payload, options }, next) =>
            next({ payload: { to: `${payload.to}!` }, options: { ...options, tags: ['tagged'] } }),
        },
      ],
    });
    const { millrace } = await app({ jobs: [job] });
    const { id } = await millrace.enqueue(job, { to: 'ann' }, { priority: 3 });
    expect(await millrace.get(id)).toMatchObject({
      payload: { to: 'ann!' },
      tags: ['tagged'],
      priority: 3,
    });
    await expect(millrace.enqueue(job, { to: 'annie' })).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_INVALID',
    });
  });

  it('one that throws keeps the job from being stored, alone or among many', async () => {
    const { millrace } = await app({
      jobs: [mail],
      use: [
        {
          async enqueue({ payload }, next) {
            if ((payload as { to: string }).to === 'eve') throw new RangeError('not for eve');
            await next();
          },
        },
      ],
    });
    await expect(millrace.enqueue(mail, { to: 'eve' })).rejects.toThrow('not for eve');
    const many = [mail.with({ to: 'ann' }), mail.with({ to: 'eve' }), mail.with({ to: 'bob' })];
    await expect(millrace.enqueueMany(many)).rejects.toThrow(RangeError);
    expect((await millrace.list()).jobs).toEqual([]);
  });

  it('the middleware of jobs that are not stored after all gets to know why, and ends', async () => {
    const told: unknown[] = [];
    const { millrace } = await app({
      jobs: [mail],
      use: [
        {
          async enqueue(_, next) {
            try {
              return await next();
            } catch (error) {
              told.push(error);
              throw error;
            }
          },
        },
      ],
    });
    const many = [mail.with({ to: 'ann' }), mail.with({ to: 5 as never })];
    await expect(millrace.enqueueMany(many)).rejects.toThrow('job 1: payload.to');
    expect(told).toHaveLength(2);
  });

  it('each of many jobs goes through it, thousands too, and is answered when all are stored', async () => {
    let stored = 0;
    const { millrace } = await app({
      jobs: [mail],
      use: [
        {
          async enqueue(job, next) {
            if ((job.payload as { to: string }).to === '7')
              return { status: 'deduplicated', id: '7' };
            const answer = await next();
            if (answer?.status === 'created') stored += 1;
            return answer;
          },
        },
      ],
    });
    const many = Array.from({ length: 2_500 }, (_, n) => mail.with({ to: String(n) }));
    const answers = await millrace.enqueueMany(many);
    expect(answers).toHaveLength(2_500);
    expect(answers[7]).toEqual({ status: 'deduplicated', id: '7' });
    expect(stored).toBe(2_499);
    const eighth = await millrace.get(answers[8]?.id ?? '');
    expect(eighth?.payload).toEqual({ to: '8' });
  });

  it('what a handler enqueues, what a schedule fires and what is fired by hand pass through it', async () => {
    const seen: string[] = [];
    const next = defineJob({ kind: 'next' });
    const job = defineJob({
      kind: 'job',
      schedule: every('1m'),
      handler: async (_, { enqueue, enqueueMany }) => {
        await enqueue(next);
        await enqueueMany([next.with()]);
      },
    });
    const made = await app({
      jobs: [job, next],
      use: [
        {
          async enqueue({ kind }, go) {
            const answer = await go();
            seen.push(`${kind} ${answer?.status}`);
          },
        },
      ],
    });
    await using clock = await driveClock(made.database.url);
    const scheduler = made.millrace.createScheduler();
    await scheduler.tick();
    await clock.advance('1m');
    expect(await scheduler.tick()).toBe(1);
    await scheduler.stop();
    await made.millrace.createWorker().tick();
    expect(seen.splice(0)).toEqual(['job created', 'next created', 'next created']);
    await made.millrace.fireSchedule('job', { by: 'ann' });
    expect(seen).toEqual(['job created']);
  });

  it('a fire time that it wants no job for is let go, and the next one comes', async () => {
    let wanted = false;
    const job = defineJob({
      kind: 'job',
      schedule: every('1m'),
      use: [
        {
          enqueue: async (_, next) => (wanted ? next() : { status: 'deduplicated', id: '0' }),
        },
      ],
    });
    const made = await app({ jobs: [job] });
    const events = recordEvents(made.millrace);
    await using clock = await driveClock(made.database.url);
    const scheduler = made.millrace.createScheduler();
    await scheduler.tick();
    await clock.advance('1m');
    expect([await scheduler.tick(), await scheduler.tick()]).toEqual([0, 0]);
    wanted = true;
    expect(await scheduler.tick()).toBe(0);
    await clock.advance('1m');
    expect(await scheduler.tick()).toBe(1);
    await scheduler.stop();
    expect((await made.millrace.list()).jobs).toHaveLength(1);
    await until('the skip is told', () => events.named('schedule:skipped').length === 1);
    expect(events.named('schedule:failed')).toEqual([]);
  });

  it('it knows the caller’s transaction, and what it writes there stands or falls with the job', async () => {
    const { millrace, database } = await app({
      jobs: [mail],
      use: [
        {
          async enqueue({ tx, kind }, next) {
            const { query } = tx as { query(text: string, values: unknown[]): Promise<unknown> };
            await query.call(tx, 'INSERT INTO public.audit VALUES ($1)', [kind]);
            return next();
          },
        },
      ],
    });
    await database.query('CREATE TABLE public.audit (kind text)');
    const enqueue = (fails: boolean) =>
      millrace.transaction(async (tx) => {
        await millrace.enqueue(mail, { to: 'ann' }, { tx });
        await millrace.enqueueMany([mail.with({ to: 'bob' })], { tx });
        if (fails) throw new Error('rolled back');
      });
    await expect(enqueue(true)).rejects.toThrow('rolled back');
    const audited = () => database.query('SELECT kind FROM public.audit');
    expect(await audited()).toEqual([]);
    await enqueue(false);
    expect(await audited()).toHaveLength(2);
    expect((await millrace.list()).jobs).toHaveLength(2);
  });
});

describe('around attempts', () => {
  /** Runs one attempt of a job that these stand around. */
  async function attempt(use: readonly Middleware[], handler: () => Promise<unknown>) {
    const job = defineJob({ kind: 'job', maxAttempts: 3, handler: () => handler() });
    const { millrace } = await app({ jobs: [job], use });
    const { id } = await millrace.enqueue(job);
    await millrace.createWorker().tick();
    return millrace.get(id);
  }

  it('one that throws fails the attempt with its error, and the job is tried again', async () => {
    let runs = 0;
    const job = await attempt(
      [{ attempt: () => Promise.reject(new RangeError('not today')) }],
      async () => (runs += 1),
    );
    expect(job).toMatchObject({
      state: 'retryable',
      attempt: 1,
      attempts: [{ error: { name: 'RangeError', message: 'not today' } }],
    });
    expect(runs).toBe(0);
  });

  it('one that wraps what the handler throws decides what the attempt failed with', async () => {
    const wrapping: Middleware = {
      attempt: (_, next) =>
        next().catch((cause: unknown) => {
          throw new TypeError('wrapped', { cause });
        }),
    };
    expect(await attempt([wrapping], () => Promise.reject(new Error('no')))).toMatchObject({
      state: 'retryable',
      attempts: [{ error: { name: 'TypeError', cause: { message: 'no' } } }],
    });
  });

  it('one that goes on twice fails the attempt with a code, and the handler has run once', async () => {
    let runs = 0;
    const job = await attempt(
      [
        {
          async attempt(_, next) {
            await next();
            await next();
          },
        },
      ],
      async () => (runs += 1),
    );
    expect(job).toMatchObject({
      state: 'retryable',
      attempts: [{ error: { code: 'MILLRACE_MIDDLEWARE_INVALID' } }],
    });
    expect(runs).toBe(1);
  });

  it.each<[string, unknown, object]>([
    ['a value', 'from the cache', { state: 'completed', result: 'from the cache' }],
    ['nothing', undefined, { state: 'completed', result: null }],
    ['cancel()', cancel('not wanted'), { state: 'cancelled', reason: 'not wanted' }],
    ['snooze()', snooze('1h'), { state: 'scheduled', attempt: 0 }],
  ])('without going on, %s is what the attempt comes to', async (_, answer, expected) => {
    let runs = 0;
    const job = await attempt([{ attempt: async () => answer }], async () => (runs += 1));
    expect(job).toMatchObject(expected);
    expect(runs).toBe(0);
  });

  it('one that answers nothing leaves what the handler asked for as it is', async () => {
    const waiting: Middleware = { attempt: async (_, next) => void (await next()) };
    expect(await attempt([waiting], async () => snooze('1h'))).toMatchObject({
      state: 'scheduled',
      attempt: 0,
    });
  });

  it('one that does not wait for the handler does not end the attempt before it', async () => {
    const release = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const job = defineJob({ kind: 'job', handler: () => release.promise });
    const { millrace } = await app({
      jobs: [job],
      use: [
        {
          async attempt(_, next) {
            void next();
            setImmediate(ended.resolve);
            return 'early';
          },
        },
      ],
    });
    const { id } = await millrace.enqueue(job);
    const tick = millrace.createWorker().tick();
    await ended.promise;
    expect(await millrace.get(id)).toMatchObject({ state: 'running' });
    release.resolve();
    await tick;
    expect(await millrace.get(id)).toMatchObject({ state: 'completed', result: 'early' });
  });

  it('it has the payload as the handler gets it, the signal, and the time limit is its own, too', async () => {
    const seen: unknown[] = [];
    const job = defineJob({
      kind: 'job',
      payload: z.object({ at: z.iso.date().transform((text) => new Date(text)) }),
      timeout: '50ms',
      maxAttempts: 1,
      use: [
        {
          async attempt({ payload, signal, queue }, next) {
            seen.push(payload.at.getUTCFullYear(), queue);
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
            return next();
          },
        },
      ],
      handler: async (_, { signal }) => signal.throwIfAborted(),
    });
    const { millrace } = await app({ jobs: [job] });
    const { id } = await millrace.enqueue(job, { at: '2030-01-01' });
    await millrace.createWorker().tick();
    expect(seen).toEqual([2030, 'default']);
    expect(await millrace.get(id)).toMatchObject({
      attempts: [{ error: { code: 'MILLRACE_ATTEMPT_TIMEOUT' } }],
    });
  });

  it('inside a transaction all that it writes and enqueues commits with the job, or not at all', async () => {
    const next = defineJob({ kind: 'next' });
    let fails = true;
    const job = defineJob({
      kind: 'job',
      transaction: true,
      use: [
        {
          async attempt({ tx, enqueue }, go) {
            await tx.query(`INSERT INTO public.audit VALUES ('before')`);
            await enqueue(next);
            await go();
            await tx.query(`INSERT INTO public.audit VALUES ('after')`);
            if (fails) throw new Error('after all');
          },
        },
      ],
      handler: async (_, { tx }) => {
        await tx.query(`INSERT INTO public.audit VALUES ('inside')`);
        return 'done';
      },
    });
    const { millrace, database } = await app({ jobs: [job, next] });
    await database.query('CREATE TABLE public.audit (what text)');
    const { id } = await millrace.enqueue(job);
    await millrace.createWorker().tick();
    const audited = () => database.query('SELECT what FROM public.audit');
    expect(await audited()).toEqual([]);
    expect((await millrace.list({ kind: 'next' })).jobs).toEqual([]);
    expect(await millrace.get(id)).toMatchObject({ state: 'retryable' });
    fails = false;
    await millrace.retry(id);
    await millrace.createWorker().tick();
    expect(await audited()).toEqual([{ what: 'before' }, { what: 'inside' }, { what: 'after' }]);
    expect((await millrace.list({ kind: 'next' })).jobs).toHaveLength(1);
    expect(await millrace.get(id)).toMatchObject({ state: 'completed', result: 'done' });
  });

  it('around an isolated handler it runs in the worker', async () => {
    let pid = 0;
    const { millrace } = await app({
      jobs: [isolated],
      use: [
        {
          async attempt({ payload }, next) {
            expect(payload).toEqual({ does: 'add' });
            ({ pid } = process);
            return [await next()];
          },
        },
      ],
    });
    const { id } = await millrace.enqueue(isolated, { does: 'add' });
    await millrace.createWorker().tick();
    expect(await millrace.get(id)).toMatchObject({
      state: 'completed',
      result: [{ parent: process.pid }],
    });
    expect(pid).toBe(process.pid);
  });
});

describe('a job run by hand', () => {
  const steps: string[] = [];
  const job = defineJob({
    kind: 'job',
    transaction: true,
    use: [noting('own', steps)],
    handler: async () => 'done',
  });

  it('passes through it, and what it comes to is what is answered', async () => {
    steps.splice(0);
    const { millrace } = await app({ jobs: [job], use: [noting('all', steps)] });
    const { id } = await millrace.enqueue(job);
    steps.splice(0);
    const undone = await millrace.runJob(id, { rollback: true });
    expect(undone).toMatchObject({ state: 'available', returned: 'all(own(done))', error: null });
    expect(steps).toHaveLength(4);
    expect(await millrace.runJob(id)).toMatchObject({
      state: 'completed',
      returned: 'all(own(done))',
    });
  });

  it('is rolled back although middleware catches whatever is thrown', async () => {
    const { millrace, database } = await app({
      jobs: [
        defineJob({
          kind: 'job',
          transaction: true,
          handler: (_, { tx }) => tx.query('INSERT INTO public.audit VALUES (1)'),
        }),
      ],
      use: [{ attempt: (_, next) => next().catch(() => 'saved') }],
    });
    await database.query('CREATE TABLE public.audit (n int)');
    const { id } = await millrace.enqueue(job);
    await millrace.runJob(id, { rollback: true });
    expect(await database.query('SELECT n FROM public.audit')).toEqual([]);
    expect(await millrace.get(id)).toMatchObject({ state: 'available' });
  });
});

describe('the testing kit', () => {
  it('drain and runJob run through it, and throw what it throws', async () => {
    const wrapped = new TypeError('wrapped');
    const wrapping: Middleware = {
      attempt: (_, next) =>
        next().catch(() => {
          throw wrapped;
        }),
    };
    const job = defineJob({
      kind: 'job',
      maxAttempts: 1,
      handler: () => Promise.reject(new Error('no')),
    });
    const { millrace } = await app({ jobs: [job], use: [wrapping] });
    await millrace.enqueue(job);
    await expect(drain(millrace)).rejects.toBe(wrapped);
    await expect(runJob(job, {}, { use: [wrapping] })).rejects.toBe(wrapped);
    const steps: string[] = [];
    const own = defineJob({ kind: 'own', use: [noting('own', steps)], handler: async () => 5 });
    expect(await runJob(own)).toMatchObject({ state: 'completed', result: 'own(5)' });
    expect(steps).toEqual(['> own', '< own created', '> own 1', '< own 5']);
  });
});

it('middleware of a wrong form is refused where it is given', () => {
  expect(() => createMillrace({ use: [{}] })).toThrow(
    expect.objectContaining({ code: 'MILLRACE_OPTION_INVALID' }),
  );
  expect(() => defineJob({ kind: 'job', use: {} as never })).toThrow('job.use must be a list');
});
