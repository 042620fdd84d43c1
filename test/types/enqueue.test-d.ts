import {
  createMillrace,
  defineJob,
  type AnyJobDefinition,
  type EnqueueResult,
  type InputOf,
  type JobContext,
  type JobRequest,
  type Transaction,
} from 'millrace';
import type pg from 'pg';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

const page = z.object({ url: z.string(), depth: z.number() });

// The compiler has to work out the type of a definition whose handler names the definition itself.
const crawl = defineJob({
  kind: 'crawl',
  payload: page,
  async handler({ url, depth }, { enqueue }) {
    return enqueue(crawl, { url, depth: depth + 1 });
  },
});

const millrace = createMillrace({ jobs: [crawl] });

// The same through an object that is made from the definition.
const poll = defineJob({
  kind: 'poll',
  payload: z.object({ tries: z.number() }),
  async handler({ tries }) {
    return pollers.enqueue(poll, { tries: tries + 1 }, { delay: '1m' });
  },
});
const pollers = createMillrace({ jobs: [poll] });

// Two definitions whose handlers name each other and return what the other's enqueueing answers.
const ping = defineJob({
  kind: 'ping',
  payload: z.object({ n: z.number() }),
  async handler({ n }, { enqueue }) {
    return enqueue(pong, { text: String(n) });
  },
});
const pong = defineJob({
  kind: 'pong',
  payload: z.object({ text: z.string() }),
  handler: async ({ text }, context) => context.enqueue(ping, { n: Number(text) }),
});

describe('jobs that enqueue jobs', () => {
  it('may enqueue themselves inline and return the answer', () => {
    expectTypeOf(crawl.kind).toEqualTypeOf<'crawl'>();
    expectTypeOf<InputOf<typeof crawl>>().toEqualTypeOf<{ url: string; depth: number }>();
    expectTypeOf<InputOf<typeof poll>>().toEqualTypeOf<{ tries: number }>();
  });

  it('may enqueue each other inline and return the answers', () => {
    expectTypeOf<InputOf<typeof ping>>().toEqualTypeOf<{ n: number }>();
    expectTypeOf<InputOf<typeof pong>>().toEqualTypeOf<{ text: string }>();
  });

  it('are checked where they enqueue, too', () => {
    const next = defineJob({
      kind: 'next',
      payload: page,
      async handler({ url }, { enqueue }) {
        // @ts-expect-error depth is missing
        return enqueue(crawl, { url });
      },
    });
    expectTypeOf(next.kind).toEqualTypeOf<'next'>();
  });
});

describe('split definitions', () => {
  const importPage = defineJob({ kind: 'import-page', payload: page });

  it('give the handler its payload and context', () => {
    const handled = importPage.handle(async (payload, context) => {
      expectTypeOf(payload).toEqualTypeOf<{ url: string; depth: number }>();
      expectTypeOf(context).toEqualTypeOf<JobContext>();
      return context.enqueue(importPage, payload);
    });
    expectTypeOf(handled).toEqualTypeOf(importPage);
    millrace.createWorker({ handlers: [handled, crawl] });
  });

  it('refuse a handler for another payload', () => {
    // @ts-expect-error this job has no such payload
    importPage.handle(async (payload: { email: string }) => payload);
  });
});

describe('enqueue', () => {
  const none = defineJob({ kind: 'none' });
  const open = defineJob({ kind: 'open', payload: z.object({ note: z.string().optional() }) });

  it('answers with status and id', () => {
    expectTypeOf(
      millrace.enqueue(crawl, { url: 'x', depth: 1 }),
    ).resolves.toEqualTypeOf<EnqueueResult>();
    expectTypeOf<EnqueueResult['id']>().toEqualTypeOf<string>();
    expectTypeOf<EnqueueResult['status']>().toEqualTypeOf<'created' | 'deduplicated'>();
  });

  it('takes no payload exactly where an empty object is one', () => {
    void millrace.enqueue(none);
    void millrace.enqueue(none, {}, { delay: '10s' });
    void millrace.enqueue(open);
    void millrace.enqueue(open, { note: 'x' });
    // @ts-expect-error a payload is needed
    void millrace.enqueue(crawl);
    // @ts-expect-error an empty one is none
    void millrace.enqueue(crawl, {});
    // @ts-expect-error this job takes no payload
    void millrace.enqueue(none, { url: 'x' });
  });

  it('points at the mistake in a payload', () => {
    void millrace.enqueue(crawl, {
      url: 'x',
      // @ts-expect-error a text is no number
      depth: '1',
    });
    void millrace.enqueue(crawl, {
      url: 'x',
      depth: 1,
      // @ts-expect-error there is no such key
      dept: 1,
    });
  });

  it('points at the mistake in an option', () => {
    // @ts-expect-error there is no such unit
    void millrace.enqueue(none, {}, { delay: '10y' });
    // @ts-expect-error there is no such option
    void millrace.enqueue(none, {}, { dely: '10s' });
    // @ts-expect-error a function cannot be stored with a job
    void millrace.enqueue(none, {}, { retry: () => 5 });
  });

  it("takes the user's transaction", () => {
    void millrace.transaction(async (tx) => {
      expectTypeOf(tx).toEqualTypeOf<Transaction>();
      return millrace.enqueue(none, {}, { tx });
    });
  });

  it('takes no pool and no connection for a transaction', () => {
    // @ts-expect-error a pool runs every statement on another connection
    void millrace.enqueue(none, {}, { tx: {} as pg.Pool });
    // @ts-expect-error a text leads to a database, not to a transaction
    void millrace.enqueue(none, {}, { tx: 'postgres://localhost' });
    void millrace.enqueue(none, {}, { tx: {} as pg.PoolClient });
  });

  it('takes definitions and nothing else', () => {
    // @ts-expect-error a kind is not a definition
    void millrace.enqueue('none', {});
  });
});

describe('enqueueMany', () => {
  const none = defineJob({ kind: 'none' });

  it('takes jobs of any kinds, made by with()', () => {
    const jobs = [
      crawl.with({ url: 'x', depth: 1 }, { priority: 5 }),
      ping.with({ n: 1 }),
      none.with(),
    ];
    expectTypeOf(jobs).toEqualTypeOf<JobRequest[]>();
    expectTypeOf(millrace.enqueueMany(jobs)).resolves.toEqualTypeOf<EnqueueResult[]>();
    async function* endless() {
      yield none.with();
    }
    void millrace.enqueueMany(endless());
  });

  it('with() checks payload and options as enqueue does', () => {
    // @ts-expect-error a payload is needed
    crawl.with();
    // @ts-expect-error a text is no number
    ping.with({ n: '1' });
    // @ts-expect-error the transaction is one for all
    none.with({}, { tx: {} as Transaction });
  });
});

describe('lists of definitions', () => {
  it('take every definition', () => {
    const transactional = defineJob({
      kind: 'score',
      transaction: true,
      handler: async (_, { tx }) => tx.query(''),
    });
    const all: AnyJobDefinition[] = [crawl, ping, transactional, defineJob({ kind: 'none' })];
    createMillrace({ jobs: all });
    createMillrace({ jobs: [crawl, ping, transactional] });
  });

  it('give definitions whose payload nobody knows, which takes anything', () => {
    const found = millrace.jobs.get('crawl') as AnyJobDefinition;
    expectTypeOf<InputOf<AnyJobDefinition>>().toBeUnknown();
    void millrace.enqueue(found, JSON.parse('{}') as unknown);
  });
});

describe('nothing leaks any', () => {
  it('neither payloads nor contexts nor answers', () => {
    expectTypeOf<InputOf<typeof crawl>>().not.toBeAny();
    expectTypeOf<InputOf<typeof crawl>['depth']>().not.toBeAny();
    expectTypeOf(crawl).not.toBeAny();
    expectTypeOf(poll).not.toBeAny();
    expectTypeOf(ping).not.toBeAny();
    expectTypeOf(pong).not.toBeAny();
    expectTypeOf<JobContext['enqueue']>().not.toBeAny();
    expectTypeOf<Awaited<ReturnType<typeof millrace.enqueue>>>().not.toBeAny();
  });
});
