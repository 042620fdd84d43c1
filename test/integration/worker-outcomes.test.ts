import { afterEach, describe, expect, it } from 'vitest';
import { defineJob, delays, discard, retryAfter, snooze, type AnyJobDefinition } from 'millrace';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { recordEvents } from '../helpers/recorded.ts';
import { until } from '../helpers/until.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function app(jobs: readonly AnyJobDefinition[]): Promise<TestMillrace> {
  const made = await createTestMillrace({ jobs });
  open.push(made);
  return made;
}

describe('outcomes', () => {
  it('keeps the result, and completes a job whose result cannot be kept', async () => {
    const good = defineJob({ kind: 'good', handler: async () => ({ sent: 3 }) });
    const odd = defineJob({ kind: 'odd', handler: async () => new Map() });
    const large = defineJob({ kind: 'large', handler: async () => 'x'.repeat(100_000) });
    const made = await app([good, odd, large]);
    const events = recordEvents(made.millrace);
    const ids = await Promise.all(
      [good, odd, large].map(async (kind) => (await made.millrace.enqueue(kind)).id),
    );
    await made.millrace.createWorker().tick();
    const jobs = await Promise.all(ids.map((id) => made.millrace.get(id)));
    expect(jobs.map((each) => [each?.state, each?.result])).toEqual([
      ['completed', { sent: 3 }],
      ['completed', null],
      ['completed', null],
    ]);
    await until('both are reported', () => events.named('attempt:result-dropped').length === 2);
  });

  it('G9: a snooze uses no attempt; a retry asked for, and a failure, use one', async () => {
    const answers = [
      () => snooze(0),
      () => retryAfter(0, new Error('busy')),
      () => new Error('plain'),
    ];
    const job = defineJob({
      kind: 'job',
      retry: delays([0]),
      async handler() {
        const answer = answers.shift();
        if (answer !== undefined) throw answer();
      },
    });
    const { millrace } = await app([job]);
    const worker = millrace.createWorker();
    const { id } = await millrace.enqueue(job);
    while ((await worker.tick()) > 0);
    expect(await millrace.get(id)).toMatchObject({
      state: 'completed',
      attempt: 3,
      attempts: [{ error: { message: 'busy' } }, { error: { message: 'plain' } }],
    });
  });

  it('W11: the errors of all attempts are kept, with their causes, until the job is discarded', async () => {
    const job = defineJob({
      kind: 'job',
      maxAttempts: 2,
      retry: delays([0]),
      async handler(_, { attempt }) {
        throw new TypeError(`failure ${attempt}`, { cause: new Error('below') });
      },
    });
    const hopeless = defineJob({ kind: 'hopeless', handler: async () => discard('no such user') });
    const { millrace } = await app([job, hopeless]);
    const worker = millrace.createWorker();
    const { id } = await millrace.enqueue(job);
    const gone = await millrace.enqueue(hopeless);
    while ((await worker.tick()) > 0);
    const stored = await millrace.get(id);
    expect(stored).toMatchObject({ state: 'discarded', attempt: 2 });
    expect(
      stored?.attempts.map(({ error }) => [error?.name, error?.message, error?.cause?.message]),
    ).toEqual([
      ['TypeError', 'failure 1', 'below'],
      ['TypeError', 'failure 2', 'below'],
    ]);
    expect(await millrace.get(gone.id)).toMatchObject({
      state: 'discarded',
      reason: 'no such user',
    });
  });

  it('a handler that runs out of time has failed, and keeps its slot until it ends', async () => {
    const gate = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<unknown>();
    const job = defineJob({
      kind: 'job',
      timeout: '20ms',
      async handler(_, { signal }) {
        signal.addEventListener('abort', () => aborted.resolve(signal.reason));
        await gate.promise;
      },
    });
    const { millrace } = await app([job]);
    const worker = millrace.createWorker({ concurrency: 1 });
    const { id } = await millrace.enqueue(job);
    await millrace.enqueue(job);
    const ticked = worker.tick();
    expect(await aborted.promise).toMatchObject({ code: 'MILLRACE_ATTEMPT_TIMEOUT' });
    expect(await worker.tick()).toBe(0);
    expect(await millrace.get(id)).toMatchObject({ state: 'running' });
    gate.resolve();
    expect(await ticked).toBe(1);
    expect(await millrace.get(id)).toMatchObject({
      state: 'retryable',
      attempts: [{ error: { code: 'MILLRACE_ATTEMPT_TIMEOUT' } }],
    });
  });
});

describe('cancelling', () => {
  /** Runs until it is told to stop; says what it was told. */
  function patient() {
    const started = Promise.withResolvers<string>();
    const told = Promise.withResolvers<unknown>();
    const job = defineJob({
      kind: 'job',
      async handler(_, { id, signal }) {
        started.resolve(id);
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            told.resolve(signal.reason);
            reject(signal.reason as Error);
          });
        });
      },
    });
    return { job, started: started.promise, told: told.promise };
  }

  it('G10: reaches a running handler through its signal', async () => {
    const { job, started, told } = patient();
    const made = await app([job]);
    const events = recordEvents(made.millrace);
    const worker = made.millrace.createWorker();
    await worker.start();
    await until('it listens', () => events.named('listener:ready').length === 1);
    await made.millrace.enqueue(job);
    const id = await started;
    const askedMs = performance.now();
    expect(await made.millrace.cancel(id, { reason: 'changed my mind' })).toMatchObject({
      status: 'requested',
    });
    expect(await told).toMatchObject({
      code: 'MILLRACE_JOB_CANCELLED',
      message: 'changed my mind',
    });
    expect(performance.now() - askedMs).toBeLessThan(1_000);
    await until(
      'it is cancelled',
      async () => (await made.millrace.get(id))?.state === 'cancelled',
    );
    expect(await made.millrace.get(id)).toMatchObject({ reason: 'changed my mind', attempt: 1 });
    await worker.stop();
  });

  it('G10: reaches it also without a notification', async () => {
    const { job, started, told } = patient();
    const made = await app([job]);
    const worker = made.millrace.createWorker();
    const ticked = made.millrace.enqueue(job).then(() => worker.tick());
    const id = await started;
    const askedMs = performance.now();
    await made.database.query(`INSERT INTO millrace.cancel_request VALUES ($1, now(), 'quietly')`, [
      id,
    ]);
    expect(await told).toMatchObject({ message: 'quietly' });
    expect(performance.now() - askedMs).toBeLessThan(3 * 2_000);
    await ticked;
    expect(await made.millrace.get(id)).toMatchObject({ state: 'cancelled', reason: 'quietly' });
  });

  it('a handler that completes all the same has completed', async () => {
    const started = Promise.withResolvers<string>();
    const job = defineJob({
      kind: 'job',
      async handler(_, { id, signal }) {
        started.resolve(id);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return 'done';
      },
    });
    const { millrace } = await app([job]);
    const worker = millrace.createWorker();
    await millrace.enqueue(job);
    const ticked = worker.tick();
    const id = await started.promise;
    await millrace.cancel(id);
    await ticked;
    expect(await millrace.get(id)).toMatchObject({ state: 'completed', result: 'done' });
  });
});
