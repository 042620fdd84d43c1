import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  defineJob,
  delays,
  snooze,
  type AnyJobDefinition,
  type Job,
  type MillraceOptions,
} from 'millrace';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { recordEvents } from '../helpers/recorded.ts';
import { until } from '../helpers/until.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function app(
  jobs: readonly AnyJobDefinition[],
  options: MillraceOptions = {},
): Promise<TestMillrace> {
  const made = await createTestMillrace({ jobs, ...options });
  open.push(made);
  return made;
}

const recipient = z.object({ email: z.email() });

type JobFacts = Pick<Job, 'id' | 'attempt' | 'maxAttempts' | 'createdAt' | 'scheduledAt'>;

describe('one pass', () => {
  it('W1: answers with the number of jobs taken, whatever becomes of them', async () => {
    const outcomes = ['fine', 'broken', 'later'] as const;
    const kinds = outcomes.map((outcome) =>
      defineJob({
        kind: outcome,
        handler() {
          if (outcome === 'broken') throw new Error('broken');
          if (outcome === 'later') return Promise.resolve(snooze('1h'));
          return Promise.resolve();
        },
      }),
    );
    const made = await app(kinds);
    const worker = made.millrace.createWorker({ concurrency: 2 });
    expect(await worker.tick()).toBe(0);
    const ids = await Promise.all(
      kinds.map(async (kind) => (await made.millrace.enqueue(kind)).id),
    );
    expect(await worker.tick()).toBe(2);
    expect(await worker.tick()).toBe(1);
    expect(await worker.tick()).toBe(0);
    const states = await Promise.all(ids.map(async (id) => (await made.millrace.get(id))?.state));
    expect(states).toEqual(['completed', 'retryable', 'scheduled']);
  });

  it('a handler is told all about its job as it is stored, whether it was due at once, later or long ago, or runs again', async () => {
    const told: unknown[] = [];
    const stored: unknown[] = [];
    const facts = ({ id, attempt, maxAttempts, createdAt, scheduledAt }: JobFacts) => ({
      id,
      attempt,
      maxAttempts,
      createdAt,
      scheduledAt,
    });
    const asked = defineJob({
      kind: 'asked',
      retry: delays([0]),
      async handler(_payload, context) {
        const job = await millrace.get(context.id);
        told.push(facts(context));
        if (job !== null) stored.push(facts(job));
        if (context.attempt === 1) throw new Error('once more');
      },
    });
    const { millrace } = await app([asked]);
    const lastYear = new Date(Date.UTC(2025, 10, 27, 3));
    await millrace.enqueueMany([
      asked.with({}),
      asked.with({}, { priority: 7, maxAttempts: 3 }),
      asked.with({}, { scheduledAt: lastYear }),
      asked.with({}, { delay: 20 }),
    ]);
    const worker = millrace.createWorker();
    await until('all have run twice', async () => {
      await worker.tick();
      return told.length === 8;
    });
    expect(told).toEqual(stored);
    expect(told).toContainEqual(expect.objectContaining({ scheduledAt: lastYear, attempt: 1 }));
  });

  it('a copy of the context has all that the context has', async () => {
    const seen: unknown[] = [];
    const copied = defineJob({
      kind: 'copied',
      handler(_payload, context) {
        const { signal, logger, flags, ...rest } = { ...context };
        seen.push(signal === context.signal, logger === context.logger, flags === context.flags);
        seen.push(Object.keys(rest).toSorted());
      },
    });
    const { millrace } = await app([copied]);
    await millrace.enqueue(copied);
    expect(await millrace.createWorker().tick()).toBe(1);
    const rest =
      'attempt createdAt enqueue enqueueMany id kind maxAttempts progress queue scheduledAt tags';
    expect(seen).toEqual([true, true, true, rest.split(' ')]);
  });

  it('W3: takes higher priorities first, then what was due first', async () => {
    const order: number[] = [];
    const step = defineJob({
      kind: 'step',
      payload: z.object({ place: z.number() }),
      async handler({ place }) {
        order.push(place);
      },
    });
    const { millrace } = await app([step]);
    const past = (minutes: number) => new Date(Date.now() - minutes * 60_000);
    await millrace.enqueue(step, { place: 4 }, { priority: -1 });
    await millrace.enqueue(step, { place: 3 });
    await millrace.enqueue(step, { place: 1 }, { priority: 7, scheduledAt: past(1) });
    await millrace.enqueue(step, { place: 2 }, { priority: 7 });
    await millrace.enqueue(step, { place: 0 }, { priority: 32 });
    const worker = millrace.createWorker({ concurrency: 1 });
    while ((await worker.tick()) > 0);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });

  it('W5: every claim is counted as exactly one of taken, empty and failed', async () => {
    const job = defineJob({ kind: 'job', async handler() {} });
    const made = await app([job]);
    const events = recordEvents(made.millrace);
    const worker = made.millrace.createWorker();
    await made.millrace.enqueue(job);
    await worker.tick();
    await worker.tick();
    await made.database.query(failingClaim('40001'));
    await made.millrace.enqueue(job);
    expect(await worker.tick()).toBe(0);
    await until('all are counted', () => events.named('claim:failed').length === 1);
    expect(events.named('claim:taken')).toMatchObject([{ jobs: 1 }]);
    expect(events.named('claim:empty')).toHaveLength(1);
  });

  it('W6: the attempt is counted, and stored, before the handler runs', async () => {
    const seen: unknown[] = [];
    const job = defineJob({
      kind: 'job',
      retry: delays([0]),
      async handler(_, { id, attempt }) {
        const stored = await millrace.get(id);
        seen.push([attempt, stored?.attempt, stored?.state]);
        if (attempt < 3) throw new Error('once more');
      },
    });
    const { millrace } = await app([job]);
    const worker = millrace.createWorker();
    const { id } = await millrace.enqueue(job);
    while ((await worker.tick()) > 0);
    expect(seen).toEqual([
      [1, 1, 'running'],
      [2, 2, 'running'],
      [3, 3, 'running'],
    ]);
    expect(await millrace.get(id)).toMatchObject({ state: 'completed', attempt: 3 });
  });

  it('W27 G8: a job of an unknown kind waits for a worker that knows it and holds nobody back', async () => {
    const known = defineJob({ kind: 'known', async handler() {} });
    const foreign = defineJob({ kind: 'foreign' });
    const { millrace } = await app([known, foreign]);
    const stranger = await millrace.enqueue(foreign, {}, { priority: 9 });
    await millrace.enqueue(known);
    const worker = millrace.createWorker({ concurrency: 1 });
    expect(await worker.tick()).toBe(1);
    expect(await worker.tick()).toBe(0);
    expect(await millrace.get(stranger.id)).toMatchObject({ state: 'available', attempt: 0 });
    const other = millrace.createWorker({ handlers: [foreign.handle(async () => {})] });
    expect(await other.tick()).toBe(1);
    expect(await millrace.get(stranger.id)).toMatchObject({ state: 'completed', attempt: 1 });
  });

  it('G8: an unreadable payload fails that job alone, and says what is wrong', async () => {
    const old = defineJob({ kind: 'mail', payload: z.object({ address: z.string() }) });
    const mail = defineJob({ kind: 'mail', payload: recipient, async handler() {} });
    const { millrace } = await app([mail]);
    const bad = await millrace.enqueue(old, { address: 'ada@example.com' });
    const good = await millrace.enqueue(mail, { email: 'ada@example.com' });
    expect(await millrace.createWorker().tick()).toBe(2);
    expect(await millrace.get(good.id)).toMatchObject({ state: 'completed' });
    expect(await millrace.get(bad.id)).toMatchObject({
      state: 'retryable',
      attempt: 1,
      attempts: [{ ending: 'failed', error: { code: 'MILLRACE_PAYLOAD_UNREADABLE' } }],
    });
  });
});

describe('errors of the database at the claim', () => {
  it.each([
    ['40001', 'serialization'],
    ['40P01', 'serialization'],
    ['57P01', 'connection'],
    ['XX000', 'other'],
  ])('W4: %s counts as %s and as no job', async (state, cause) => {
    const job = defineJob({ kind: 'job', async handler() {} });
    const made = await app([job]);
    const events = recordEvents(made.millrace);
    const worker = made.millrace.createWorker();
    await worker.tick();
    const { id } = await made.millrace.enqueue(job);
    await made.database.query(failingClaim(state));
    expect(await worker.tick()).toBe(0);
    await until('it is reported', () => events.named('claim:failed').length === 1);
    expect(events.named('claim:failed')[0]).toMatchObject({ cause });
    await made.database.query(`DROP TRIGGER failing ON millrace.job`);
    await until('the next claims succeed', async () => (await worker.tick()) === 1);
    expect(await made.millrace.get(id)).toMatchObject({ state: 'completed', attempt: 1 });
  });

  it('W4 G15: two claimers lose and double nothing under repeatable read as default', async () => {
    const runs = new Map<string, number>();
    const job = defineJob({
      kind: 'job',
      async handler(_, { id }) {
        runs.set(id, (runs.get(id) ?? 0) + 1);
      },
    });
    const made = await createTestMillrace({
      jobs: [job],
      database: { isolation: 'repeatable read' },
    });
    open.push(made);
    const { millrace } = made;
    const answers = await millrace.enqueueMany(Array.from({ length: 200 }, () => job.with({})));
    const workers = [1, 2].map(() => millrace.createWorker({ concurrency: 5 }));
    await Promise.all(workers.map((worker) => worker.start()));
    await until(
      'all are done',
      async () => (await millrace.list({ state: 'completed', limit: 1_000 })).jobs.length === 200,
    );
    await Promise.all(workers.map((worker) => worker.stop()));
    expect(runs.size).toBe(answers.length);
    expect([...runs.values()].every((count) => count === 1)).toBe(true);
  });
});

/** The next claims fail with this SQLSTATE. */
function failingClaim(state: string): string {
  const action =
    state === '57P01'
      ? 'PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()); PERFORM pg_catalog.pg_sleep(10)'
      : `RAISE EXCEPTION 'injected' USING ERRCODE = '${state}'`;
  return `
    CREATE FUNCTION public.failing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${action}; RETURN NEW; END $$;
    CREATE TRIGGER failing BEFORE UPDATE ON millrace.job FOR EACH ROW
      WHEN (OLD.state = 0 AND NEW.state = 1) EXECUTE FUNCTION public.failing()`;
}

describe('the loop', () => {
  it('W15: asks again at once after a job, and is woken when one comes', async () => {
    const ran: number[] = [];
    const job = defineJob({
      kind: 'job',
      payload: z.object({ place: z.number() }),
      async handler({ place }) {
        ran.push(place);
      },
    });
    // The poll is far away: only asking at once and notifications can bring the jobs.
    const made = await createTestMillrace({ jobs: [job], tuning: { pollMs: 3_600_000 } });
    open.push(made);
    const { millrace } = made;
    await millrace.enqueueMany(Array.from({ length: 50 }, (_, place) => job.with({ place })));
    const events = recordEvents(made.millrace);
    const worker = millrace.createWorker({ concurrency: 1 });
    await worker.start();
    await until('the queue is empty', () => ran.length === 50);
    await until('it listens and sleeps', () => events.named('listener:ready').length === 1);
    await millrace.enqueue(job, { place: 50 });
    await until('it is woken', () => ran.length === 51);
    await millrace.enqueue(job, { place: 51 }, { delay: '150ms' });
    await until('the timer wakes it', () => ran.length === 52);
    await worker.stop();
  });

  it('G23: runs at most as many jobs at once as the slots of the process and of each queue allow', async () => {
    let now = 0;
    const most = { all: 0, narrow: 0 };
    let narrow = 0;
    const run = async (queue: string) => {
      now += 1;
      if (queue === 'narrow') narrow += 1;
      most.all = Math.max(most.all, now);
      most.narrow = Math.max(most.narrow, narrow);
      await new Promise((resolve) => setTimeout(resolve, 2));
      now -= 1;
      if (queue === 'narrow') narrow -= 1;
    };
    const job = defineJob({ kind: 'job', handler: async (_, { queue }) => run(queue) });
    const { millrace } = await app([job]);
    const queues = ['narrow', 'wide'];
    const jobs = queues.flatMap((queue) =>
      Array.from({ length: 60 }, () => job.with({}, { queue })),
    );
    await millrace.enqueueMany(jobs);
    const worker = millrace.createWorker({
      concurrency: 8,
      queues: { narrow: { concurrency: 2 }, wide: {} },
    });
    await worker.start();
    await until(
      'all are done',
      async () => (await millrace.list({ state: 'completed', limit: 1_000 })).jobs.length === 120,
    );
    await worker.stop();
    expect(most).toEqual({ all: 8, narrow: 2 });
  });

  it('takes few jobs ahead when they are large, however fast they run', async () => {
    const large = defineJob({
      kind: 'large',
      payload: z.object({ data: z.string() }),
      handler: async () => {},
    });
    const { millrace } = await app([large]);
    const data = 'x'.repeat(200_000);
    await millrace.enqueueMany(Array.from({ length: 200 }, () => large.with({ data })));
    const claims: number[] = [];
    millrace.subscribe(({ name, data: of }) => {
      if (name === 'claim:taken') claims.push(of.jobs);
    });
    await using worker = millrace.createWorker();
    await worker.start();
    await until('all have run', () => claims.reduce((sum, jobs) => sum + jobs, 0) === 200);
    // 16 MiB are 83 of them, and ten have a slot.
    expect(Math.max(...claims)).toBeLessThanOrEqual(93);
    expect(Math.max(...claims)).toBeGreaterThan(10);
  });

  it('a full queue does not starve the queues beside it', async () => {
    const order: string[] = [];
    const job = defineJob({
      kind: 'job',
      async handler(_, { queue }) {
        order.push(queue);
      },
    });
    const { millrace } = await app([job]);
    await millrace.enqueueMany(
      ['a', 'b'].flatMap((queue) => Array.from({ length: 20 }, () => job.with({}, { queue }))),
    );
    const worker = millrace.createWorker({ concurrency: 1, queues: ['a', 'b'] });
    while ((await worker.tick()) > 0);
    expect(order.slice(0, 10).filter((queue) => queue === 'a')).toHaveLength(5);
  });
});
