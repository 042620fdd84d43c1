import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MillraceError } from '../core/errors.ts';
import { defineJob } from '../core/job-definition.ts';
import { cancel, retryAfter, snooze } from '../core/outcome.ts';
import { runJob } from './run-job.ts';

const mail = defineJob({
  kind: 'mail',
  payload: z.object({ to: z.string(), at: z.iso.datetime().transform((text) => new Date(text)) }),
});
const payload = { to: 'ada', at: '2026-01-01T00:00:00Z' };

describe('runJob', () => {
  it('gives the handler a decoded payload and a complete context', async () => {
    const follow = defineJob({ kind: 'follow', payload: z.object({ n: z.number() }) });
    const handler = mail.handle(async ({ to, at }, context) => {
      context.logger.info({}, 'not shown');
      await context.enqueue(follow, { n: 1 }, { delay: '1m', tags: ['x'] });
      await context.enqueueMany([follow.with({ n: 2 }, { queue: 'other' })]);
      const { id, kind, queue, attempt, maxAttempts, tags, createdAt, scheduledAt, signal } =
        context;
      context.progress(150, 'done');
      return {
        to,
        year: at.getUTCFullYear(),
        id,
        kind,
        queue,
        attempt,
        maxAttempts,
        tags,
        createdAt,
        scheduledAt,
        aborted: signal.aborted,
      };
    });
    const createdAt = new Date(0);
    const options = { id: '7', attempt: 2, tags: ['vip'], createdAt, scheduledAt: new Date(1_000) };
    const { state, result, enqueued, progress } = await runJob(handler, payload, options);
    expect(progress).toEqual([{ percent: 100, note: 'done' }]);
    expect(state).toBe('completed');
    expect(result).toEqual({
      to: 'ada',
      year: 2026,
      id: '7',
      kind: 'mail',
      queue: 'default',
      attempt: 2,
      maxAttempts: 20,
      tags: ['vip'],
      createdAt: '1970-01-01T00:00:00.000Z',
      scheduledAt: '1970-01-01T00:00:01.000Z',
      aborted: false,
    });
    expect(enqueued).toMatchObject([
      { kind: 'follow', payload: { n: 1 }, delayMs: 60_000, tags: ['x'], queue: 'default' },
      { kind: 'follow', payload: { n: 2 }, queue: 'other' },
    ]);
  });

  it('says what the handler asked for', async () => {
    const handler = (request: unknown) => mail.handle(async () => request);
    const waits = { result: null, reason: null, enqueued: [], progress: [] };
    expect(await runJob(handler(snooze('1h')), payload)).toEqual({
      state: 'scheduled',
      delayMs: 3_600_000,
      ...waits,
    });
    expect(await runJob(handler(retryAfter('1m')), payload)).toEqual({
      state: 'retryable',
      delayMs: 60_000,
      ...waits,
    });
    expect(await runJob(handler(retryAfter('1m')), payload, { maxAttempts: 1 })).toMatchObject({
      state: 'discarded',
    });
    expect(await runJob(handler(cancel('gone')), payload)).toMatchObject({
      state: 'cancelled',
      reason: 'gone',
    });
  });

  it('throws what the handler throws, the very object', async () => {
    const failure = new RangeError('no');
    await expect(
      runJob(
        mail.handle(() => Promise.reject(failure)),
        payload,
      ),
    ).rejects.toBe(failure);
  });

  it('refuses what could not be enqueued, and a definition without a handler', async () => {
    const handler = mail.handle(async () => {});
    await expect(runJob(handler, { to: 'ada', at: 'soon' })).rejects.toMatchObject({
      code: 'MILLRACE_PAYLOAD_INVALID',
    });
    await expect(runJob(mail, payload)).rejects.toMatchObject({ code: 'MILLRACE_HANDLER_MISSING' });
    const wrong = { atempt: 1 } as object;
    await expect(runJob(handler, payload, wrong)).rejects.toThrow(`did you mean 'attempt'`);
  });

  it('obeys timeouts, and passes an abort on as a cancellation', async () => {
    const waiting = {
      kind: 'wait',
      async handler(_: object, { signal }: { signal: AbortSignal }) {
        signal.throwIfAborted();
        await once(signal, 'abort');
        throw signal.reason;
      },
    };
    const slow = defineJob({ ...waiting, timeout: 5 });
    await expect(runJob(slow, {})).rejects.toMatchObject({ code: 'MILLRACE_ATTEMPT_TIMEOUT' });
    const controller = new AbortController();
    const run = runJob(defineJob(waiting), {}, { signal: controller.signal });
    controller.abort();
    expect(await run).toMatchObject({ state: 'cancelled' });
  });

  it('gives a transactional handler the transaction that it is told', async () => {
    const rows: unknown[] = [];
    const tx = { query: async (text: string) => void rows.push(text) };
    const pay = defineJob({
      kind: 'pay',
      transaction: true,
      async handler(_, context) {
        await context.tx.query('payment');
        await context.enqueue(mail, payload);
        return 'paid';
      },
    });
    const { state, result, enqueued } = await runJob(pay, {}, { tx });
    expect([state, result, enqueued.length, rows]).toEqual(['completed', 'paid', 1, ['payment']]);
    await expect(runJob(pay)).rejects.toBeInstanceOf(MillraceError);
    const failing = defineJob({
      kind: 'f',
      transaction: true,
      handler: () => Promise.reject(new Error('undone')),
    });
    await expect(runJob(failing, {}, { tx })).rejects.toThrow('undone');
  });
});
