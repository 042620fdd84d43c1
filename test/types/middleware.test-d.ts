import {
  cancel,
  createMillrace,
  defineJob,
  type EnqueueAnswer,
  type EnqueueChanges,
  type JobContext,
  type JobRequestOptions,
  type Middleware,
  type Transaction,
} from 'millrace';
import { encryption } from 'millrace/encryption';
import { runJob } from 'millrace/testing';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

const payload = z.object({ at: z.iso.datetime().transform((text) => new Date(text)) });

/** Stands around anything. */
const tagged: Middleware = {
  enqueue: (job, next) => next({ options: { ...job.options, tags: ['tagged'] } }),
  attempt: (_, next) => next(),
};

describe('middleware of one definition', () => {
  it('sees what is enqueued and what the handler gets', () => {
    defineJob({
      kind: 'remind',
      payload,
      use: [
        {
          async enqueue(job, next) {
            expectTypeOf(job.payload).toEqualTypeOf<{ at: string }>();
            expectTypeOf(job.options).toEqualTypeOf<JobRequestOptions>();
            expectTypeOf(next).toEqualTypeOf<
              (changes?: EnqueueChanges<{ at: string }>) => Promise<EnqueueAnswer>
            >();
            return next({ payload: { at: '2030-01-01T00:00:00Z' } });
          },
          async attempt(job, next) {
            expectTypeOf(job.payload).toEqualTypeOf<{ at: Date }>();
            expectTypeOf(job).toExtend<JobContext>();
            expectTypeOf(next).toEqualTypeOf<() => Promise<unknown>>();
            return next();
          },
        },
      ],
    });
  });

  it('cannot pass on a payload of another shape', () => {
    defineJob({
      kind: 'remind',
      payload,
      // @ts-expect-error: it must be a text
      use: [{ enqueue: async (job, next) => next({ payload: { at: 5 } }) }],
    });
  });

  it('has the transaction of the handler', () => {
    defineJob({
      kind: 'pay',
      transaction: true,
      use: [
        {
          attempt(job, next) {
            expectTypeOf(job.tx).toEqualTypeOf<Transaction>();
            return next();
          },
        },
      ],
    });
  });

  it('may be middleware for anything, also where the handler is isolated', () => {
    defineJob({ kind: 'remind', payload, use: [tagged] });
    defineJob({ kind: 'pay', transaction: true, use: [tagged] });
    defineJob({ kind: 'crunch', isolate: 'thread', use: [tagged] });
  });

  it('leaves what else a definition infers as it is', () => {
    const job = defineJob({
      kind: 'remind',
      payload,
      use: [tagged],
      handler(got, context) {
        expectTypeOf(got).toEqualTypeOf<{ at: Date }>();
        expectTypeOf(context).toEqualTypeOf<JobContext>();
      },
    });
    expectTypeOf(job.kind).toEqualTypeOf<'remind'>();
    void runJob(job, { at: '2030-01-01T00:00:00Z' }, { use: [tagged] });
  });
});

describe('middleware of all definitions', () => {
  it('knows nothing of payloads', () => {
    createMillrace({
      use: [
        {
          async attempt(job, next) {
            expectTypeOf(job.payload).toBeUnknown();
            expectTypeOf(job.tx).toBeUnknown();
            if (job.attempt > 3) return cancel();
            await next();
            return undefined;
          },
        },
        {
          encode: (json) => ({ json }),
          decode: (stored, { kind }) => ({ stored, kind }),
        },
      ],
    });
  });

  it('must answer as enqueueing does, or leave that to the next', () => {
    createMillrace({
      use: [
        {
          async enqueue(_, next) {
            await next();
          },
        },
        // @ts-expect-error: a number is no answer
        { enqueue: async () => 5 },
      ],
    });
  });
});

it('encryption goes where middleware goes, and demands keys and the current one', () => {
  const sealed = encryption({ keys: { a: 'x', b: new Uint8Array(32) }, current: 'a' });
  createMillrace({ use: [sealed] });
  defineJob({ kind: 'remind', payload, use: [sealed] });
  createMillrace({ use: [{ decode: sealed.decode }] });
  // @ts-expect-error: without the current key
  encryption({ keys: {} });
});
