import { afterEach, describe, expect, it } from 'vitest';
import { defineJob, type AnyJobDefinition } from 'millrace';
import { z } from 'zod';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function app(jobs: readonly AnyJobDefinition[]): Promise<TestMillrace> {
  const made = await createTestMillrace({ jobs });
  open.push(made);
  return made;
}

const first = defineJob({ kind: 'mail', maxAttempts: 1, payload: z.object({ to: z.string() }) });
const other = defineJob({ kind: 'other', handler() {} });

function third(got: unknown[]) {
  return defineJob({
    kind: 'mail',
    maxAttempts: 1,
    version: 3,
    payload: z.object({ to: z.array(z.string()), lang: z.string() }),
    upgrade: {
      1: ({ to }: { to: string }) => ({ to: [to] }),
      2: async ({ to }: { to: string[] }) => {
        if (to.includes('nobody')) throw new Error('nobody is no address');
        return { to, lang: 'en' };
      },
    },
    handler: (payload) => void got.push(payload),
  });
}

describe('payload versions', () => {
  it('a job queued by an earlier deploy runs with its payload upgraded step by step', async () => {
    const got: unknown[] = [];
    const job = third(got);
    const { millrace } = await app([job]);
    await millrace.enqueue(first, { to: 'ann' });
    await millrace.enqueue(job, { to: ['bob'], lang: 'de' });
    await millrace.createWorker().tick();
    expect(got).toEqual(
      expect.arrayContaining([
        { to: ['ann'], lang: 'en' },
        { to: ['bob'], lang: 'de' },
      ]),
    );
  });

  it('a step that throws, or is missing, fails its own job alone, each with its code', async () => {
    const got: unknown[] = [];
    const job = third(got);
    const { millrace } = await app([job]);
    const bad = await millrace.enqueue(first, { to: 'nobody' });
    await millrace.enqueue(first, { to: 'ann' });
    await millrace.createWorker().tick();
    expect(got).toHaveLength(1);
    expect(await millrace.get(bad.id)).toMatchObject({
      state: 'discarded',
      attempts: [{ error: { code: 'MILLRACE_PAYLOAD_UPGRADE_FAILED' } }],
    });
    const gap = defineJob({ kind: 'mail', version: 2, handler: () => {} });
    const { id } = await millrace.enqueue(first, { to: 'ann' });
    await millrace.createWorker({ handlers: [gap] }).tick();
    expect(await millrace.get(id)).toMatchObject({
      attempts: [{ error: { code: 'MILLRACE_PAYLOAD_UPGRADE_MISSING' } }],
    });
  });

  it('a job of a newer version waits, without an attempt, for a worker that knows it', async () => {
    const got: unknown[] = [];
    const job = third(got);
    const old = first.handle((payload) => void got.push(payload));
    const { millrace } = await app([old, other]);
    // By each of the three ways in: alone, with a key, and many at once.
    const newer = [
      await millrace.enqueue(job, { to: ['a'], lang: 'en' }),
      await millrace.enqueue(job, { to: ['b'], lang: 'en' }, { uniqueKey: 'b' }),
      ...(await millrace.enqueueMany([job.with({ to: ['c'], lang: 'en' }), other.with()])).slice(
        0,
        1,
      ),
    ];
    const worker = millrace.createWorker();
    expect([await worker.tick(), await worker.tick()]).toEqual([1, 0]);
    for (const { id } of newer) {
      expect(await millrace.get(id)).toMatchObject({ state: 'available', attempt: 0 });
    }
    expect(await millrace.createWorker({ handlers: [job] }).tick()).toBe(3);
    expect(got).toHaveLength(3);
  });
});
