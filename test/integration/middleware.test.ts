/** The application's own code around jobs, and around enqueueing them, on a real database. */
import { afterEach, describe, expect, it } from 'vitest';
import { createMillrace, defineJob, every, type MillraceOptions, type Transaction } from 'millrace';
import { driveClock } from 'millrace/testing';
import { z } from 'zod';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { noting } from '../helpers/noting.ts';
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

  it('middleware knows the caller’s transaction, and what it writes there stands or falls with the job', async () => {
    const { millrace, database } = await app({
      jobs: [mail],
      use: [
        {
          async enqueue({ tx, kind }, next) {
            await (tx as Transaction).query('INSERT INTO public.audit VALUES ($1)', [kind]);
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

it('middleware of a wrong form is refused where it is given', () => {
  expect(() => createMillrace({ use: [{}] })).toThrow(
    expect.objectContaining({ code: 'MILLRACE_OPTION_INVALID' }),
  );
  expect(() => defineJob({ kind: 'job', use: {} as never })).toThrow('job.use must be a list');
});
