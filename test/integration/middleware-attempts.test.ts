/** The application's own code around attempts, on a real database. */
import { afterEach, describe, expect, it } from 'vitest';
import { cancel, defineJob, snooze, type Middleware, type MillraceOptions } from 'millrace';
import { drain, runJob } from 'millrace/testing';
import { z } from 'zod';
import { isolated } from '../fixtures/isolated.ts';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { noting } from '../helpers/noting.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function app(options: MillraceOptions): Promise<TestMillrace> {
  const made = await createTestMillrace(options);
  open.push(made);
  return made;
}

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

  it('one that wraps errors does not see what the handler asked for as one, also if it was thrown', async () => {
    const wrapping: Middleware = {
      attempt: (_, next) => next().catch(() => Promise.reject(new TypeError('wrapped'))),
    };
    expect(await attempt([wrapping], () => Promise.reject(cancel('enough')))).toMatchObject({
      state: 'cancelled',
      reason: 'enough',
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

  it('middleware has the payload as the handler gets it, the signal, and the time limit is its own, too', async () => {
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
