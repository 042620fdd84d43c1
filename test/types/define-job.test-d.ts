import { type } from 'arktype';
import {
  cron,
  defineJob,
  delays,
  every,
  exponential,
  snooze,
  type InputOf,
  type IsolatedJobContext,
  type JobContext,
  type PayloadCodec,
  type TransactionalJobContext,
  type TransactionSource,
} from 'millrace';
import * as v from 'valibot';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

describe('payloads', () => {
  it('of zod: what is enqueued is the input, what the handler gets is the output', () => {
    const job = defineJob({
      kind: 'remind',
      payload: z.object({
        at: z.iso.datetime().transform((text) => new Date(text)),
        times: z.number().default(1),
      }),
      handler(payload) {
        expectTypeOf(payload).toEqualTypeOf<{ at: Date; times: number }>();
      },
    });
    expectTypeOf<InputOf<typeof job>>().toEqualTypeOf<{ at: string; times?: number | undefined }>();
    job.handle((payload) => {
      expectTypeOf(payload).toEqualTypeOf<{ at: Date; times: number }>();
    });
  });

  it('of valibot', () => {
    const job = defineJob({
      kind: 'remind',
      payload: v.object({
        at: v.pipe(
          v.string(),
          v.transform((text) => new Date(text)),
        ),
      }),
      handler(payload) {
        expectTypeOf(payload).toEqualTypeOf<{ at: Date }>();
      },
    });
    expectTypeOf<InputOf<typeof job>>().toEqualTypeOf<{ at: string }>();
  });

  it('of arktype', () => {
    const job = defineJob({
      kind: 'remind',
      payload: type({ at: 'string.date.parse', 'note?': 'string' }),
      handler(payload) {
        expectTypeOf(payload).toEqualTypeOf<{ at: Date; note?: string }>();
      },
    });
    expectTypeOf<InputOf<typeof job>>().toEqualTypeOf<{ at: string; note?: string }>();
  });

  it('of a codec of your own', () => {
    const dates: PayloadCodec<Date, number> = {
      encode: (date) => date.toISOString(),
      decode: (stored) => Date.parse(stored as string),
    };
    const job = defineJob({
      kind: 'remind',
      payload: dates,
      handler(payload) {
        expectTypeOf(payload).toBeNumber();
      },
    });
    expectTypeOf<InputOf<typeof job>>().toEqualTypeOf<Date>();
  });

  it('of none: nothing can be read from it', () => {
    defineJob({
      kind: 'purge',
      handler(payload) {
        expectTypeOf(payload).toEqualTypeOf<Record<string, never>>();
        expectTypeOf(payload).not.toBeAny();
      },
    });
  });

  it('anything else is no payload', () => {
    // @ts-expect-error neither a schema nor a codec
    defineJob({ kind: 'a', payload: { type: 'object' } });
    // @ts-expect-error nor is this
    defineJob({ kind: 'a', payload: 'string' });
  });
});

describe('contexts', () => {
  it('have a transaction only where the definition says so', () => {
    defineJob({
      kind: 'plain',
      handler(_, context) {
        expectTypeOf(context).toEqualTypeOf<JobContext>();
        // @ts-expect-error there is no transaction
        void context.tx;
      },
    });
    defineJob({
      kind: 'score',
      transaction: true,
      async handler(_, context) {
        expectTypeOf(context).toEqualTypeOf<TransactionalJobContext>();
        const { rows } = await context.tx.query<{ score: number }>('SELECT 1 AS score');
        expectTypeOf(rows).toEqualTypeOf<{ score: number }[]>();
      },
    });
    const job = defineJob({ kind: 'score', transaction: { isolation: 'serializable' } });
    job.handle((_, { tx }) => void tx.query(''));
    // @ts-expect-error there is no such isolation
    defineJob({ kind: 'score', transaction: { isolation: 'snapshot' } });
  });

  it('have the transaction of the source that is given', () => {
    const source: TransactionSource<{ insert(table: string): Promise<void> }> = {
      begin: async (body) => body({ async insert() {} }),
    };
    const job = defineJob({
      kind: 'score',
      transaction: source,
      async handler(_, { tx }) {
        expectTypeOf(tx).toEqualTypeOf<{ insert(table: string): Promise<void> }>();
        await tx.insert('score');
      },
    });
    job.handle(async (_, { tx }) => tx.insert('score'));
  });

  it('hold nothing of type any', () => {
    defineJob({
      kind: 'a',
      payload: z.object({ a: z.string() }),
      transaction: true,
      handler(payload, context) {
        expectTypeOf(payload).not.toBeAny();
        expectTypeOf(payload.a).not.toBeAny();
        expectTypeOf(context).not.toBeAny();
        expectTypeOf(context.tx).not.toBeAny();
        expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
        expectTypeOf(context.id).toEqualTypeOf<string>();
      },
    });
  });
});

describe('handlers', () => {
  it('may return results, outcomes or nothing, now or later', () => {
    defineJob({ kind: 'a', handler: () => ({ sent: 1 }) });
    defineJob({ kind: 'a', handler: async () => ({ sent: 1 }) });
    defineJob({ kind: 'a', handler: () => snooze('5m') });
    defineJob({ kind: 'a', handler() {} });
    defineJob({ kind: 'a', async handler() {} });
    // @ts-expect-error a handler is a function
    defineJob({ kind: 'a', handler: 'send' });
  });
});

describe('schedules', () => {
  it('need nothing more where an empty payload is one', () => {
    defineJob({ kind: 'a', schedule: every('1h') });
    defineJob({ kind: 'a', schedule: cron('0 3 * * *', { timeZone: 'Europe/Berlin' }) });
    defineJob({
      kind: 'a',
      schedule: { at: every('1h'), runOnStart: true, missed: { all: '1d' } },
    });
    defineJob({
      kind: 'a',
      payload: z.object({ full: z.boolean().optional() }),
      schedule: every('1h'),
    });
    defineJob({
      kind: 'a',
      schedule: [
        { at: every('1h'), name: 'hourly' },
        { at: cron('0 3 * * *'), name: 'nightly', payload: () => ({}) },
      ],
    });
  });

  it('need a payload where the schema does not accept an empty one', () => {
    const payload = z.object({ day: z.string() });
    // @ts-expect-error who would say the day?
    defineJob({ kind: 'a', payload, schedule: every('1h') });
    // @ts-expect-error nor does this say it
    defineJob({ kind: 'a', payload, schedule: { at: every('1h') } });
    defineJob({
      kind: 'a',
      payload,
      schedule: {
        at: every('1d'),
        payload({ fireTime }) {
          expectTypeOf(fireTime).toEqualTypeOf<Date>();
          return { day: fireTime.toISOString().slice(0, 10) };
        },
      },
    });
    // @ts-expect-error a number is no text
    defineJob({ kind: 'a', payload, schedule: { at: every('1d'), payload: () => ({ day: 5 }) } });
  });

  it('take intervals and cron, not texts', () => {
    // @ts-expect-error that is every('1h')
    defineJob({ kind: 'a', schedule: '1h' });
    // @ts-expect-error there is no such unit
    defineJob({ kind: 'a', schedule: every('1y') });
  });
});

describe('options', () => {
  it('are checked by name and by value', () => {
    // @ts-expect-error there is no such option
    defineJob({ kind: 'a', atempts: 5 });
    // @ts-expect-error a kind is needed
    defineJob({ queue: 'mail' });
    // @ts-expect-error a text is no number
    defineJob({ kind: 'a', priority: 'high' });
    // @ts-expect-error one of three
    defineJob({ kind: 'a', history: 'some' });
  });

  it('take every form of retry policy', () => {
    defineJob({ kind: 'a', retry: exponential({ first: '30s', from: 'due' }) });
    defineJob({ kind: 'a', retry: delays(['1s', '1m']) });
    defineJob({
      kind: 'a',
      retry({ attempt, error }) {
        expectTypeOf(error).toBeUnknown();
        return attempt * 1_000;
      },
    });
    // @ts-expect-error a list of none says nothing
    defineJob({ kind: 'a', retry: delays([]) });
    // @ts-expect-error that is fixed('5s')
    defineJob({ kind: 'a', retry: '5s' });
  });
});

describe('payload versions', () => {
  it('the last step returns what is enqueued today; earlier ones anything', () => {
    defineJob({
      kind: 'versioned',
      version: 3,
      payload: z.object({ to: z.string() }),
      upgrade: { 1: (old: { a: number }) => [old.a], 2: (old: number[]) => ({ to: `${old[0]}` }) },
    });
    defineJob({
      kind: 'versioned',
      version: 3,
      payload: z.object({ to: z.string() }),
      // @ts-expect-error the step to version 3 returns no payload
      upgrade: { 1: (old: { a: number }) => [old.a], 2: (old: number[]) => ({ from: old }) },
    });
  });
});

describe('isolation', () => {
  it('the handler keeps its payload, and its context lacks what needs the database', () => {
    defineJob({
      kind: 'isolated',
      payload: z.object({ to: z.string() }),
      isolate: { module: import.meta.url },
      handler(payload, context) {
        expectTypeOf(payload).toEqualTypeOf<{ to: string }>();
        expectTypeOf(context).toEqualTypeOf<IsolatedJobContext>();
        expectTypeOf(context).not.toHaveProperty('enqueue');
      },
    });
    defineJob({
      kind: 'threaded',
      isolate: 'thread',
      handler(_, context) {
        expectTypeOf(context).toEqualTypeOf<IsolatedJobContext>();
      },
    });
    // @ts-expect-error there is no such place
    defineJob({ kind: 'elsewhere', isolate: 'elsewhere' });
  });
});
