import { threadId } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineJob, type AnyJobDefinition, type Job } from 'millrace';
import { named, threaded, type Deed } from '../fixtures/isolated.ts';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { until } from '../helpers/until.ts';

const starting = defineJob({
  kind: 'starting',
  maxAttempts: 1,
  isolate: {
    in: 'thread',
    module: new URL('../fixtures/isolated-with-worker.ts', import.meta.url),
  },
  handler() {},
});
const hidden = defineJob({
  kind: 'hidden',
  maxAttempts: 1,
  isolate: { in: 'thread', module: new URL('../fixtures/isolated.ts', import.meta.url) },
  handler() {},
});

let app: TestMillrace;
const lines: object[] = [];
const quiet = () => {};

beforeAll(async () => {
  const info = (details: object) => void lines.push(details);
  const logger = { debug: quiet, info, warn: quiet, error: quiet };
  app = await createTestMillrace({ jobs: [threaded, named, starting, hidden], logger });
});

afterAll(async () => {
  await app[Symbol.asyncDispose]();
});

async function ran(id: string): Promise<Job | null> {
  await app.millrace.createWorker().tick();
  return app.millrace.get(id);
}

async function run(does: Deed['does'], timeout?: '300ms'): Promise<Job | null> {
  const { id } = await app.millrace.enqueue(threaded, { does }, timeout && { timeout });
  return ran(id);
}

const error = (job: Job | null) => job?.attempts[0]?.error;

describe('a job in a thread', () => {
  it('runs in another thread of this process, which the next one uses again, and its lines are those of the job', async () => {
    const [first, second] = [await run('add'), await run('add')];
    const own = first?.result as { pid: number; threadId: number };
    expect(first).toMatchObject({ state: 'completed', result: { pid: process.pid } });
    expect(own.threadId).not.toBe(threadId);
    expect(second?.result).toMatchObject({ threadId: own.threadId });
    expect(lines).toContainEqual(
      expect.objectContaining({ threadId: own.threadId, id: first?.id }),
    );
  });

  it("needs no more than `isolate: 'thread'`, also where the handler is given apart", async () => {
    const { id } = await app.millrace.enqueue(named, { does: 'add' });
    expect(await ran(id)).toMatchObject({ state: 'completed', result: { pid: process.pid } });
  });

  it('fails with the error that its handler threw', async () => {
    expect(error(await run('throw'))).toMatchObject({ name: 'TypeError', code: 'E_NO' });
  });

  it.each([
    ['exit', 'exit code 3'],
    ['stray', 'nobody catches this'],
    ['grow', 'more than 64 MiB'],
  ] as const)(
    'that ends its thread by %s fails alone, and the worker goes on',
    async (does, how) => {
      const beside = await app.millrace.enqueue(threaded, { does: 'add' });
      const job = await run(does);
      expect(job).toMatchObject({ state: 'discarded', crashes: 0 });
      expect(error(job)?.code).toBe('MILLRACE_ISOLATE_DIED');
      expect(error(job)?.message).toContain(how);
      expect(await app.millrace.get(beside.id)).toMatchObject({ state: 'completed' });
    },
  );

  it.each(['block', 'wait'] as const)(
    'that would %s for ever fails at its timeout',
    async (does) => {
      expect(error(await run(does, '300ms'))?.code).toBe('MILLRACE_ATTEMPT_TIMEOUT');
    },
  );

  it('that blocks its event loop is cancelled all the same', async () => {
    const { id } = await app.millrace.enqueue(threaded, { does: 'block' });
    const ended = app.millrace.createWorker().tick();
    await until('it runs', () => lines.some((each) => 'id' in each && each.id === id));
    await app.millrace.cancel(id);
    await ended;
    expect(await app.millrace.get(id)).toMatchObject({ state: 'cancelled' });
  });

  it('whose module exports no such definition, or starts a worker, fails and says so', async () => {
    for (const [job, why] of [
      [hidden, 'exports no definition'],
      [starting, 'makes a worker'],
    ] as const) {
      const { id } = await app.millrace.enqueue<AnyJobDefinition>(job);
      expect(error(await ran(id))).toMatchObject({
        code: 'MILLRACE_ISOLATE_MODULE_INVALID',
        message: expect.stringContaining(why) as unknown,
      });
    }
  });
});
