import { createMillrace, defineJob, type Job, type Json, type Transaction } from 'millrace';
import { assertEnqueued, drain, runJob, simulate, type CrashPoint } from 'millrace/testing';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

const millrace = createMillrace();
const mail = defineJob({
  kind: 'mail',
  payload: z.object({
    to: z.string(),
    lines: z.array(z.string()),
    guest: z.object({ id: z.number(), name: z.string() }),
  }),
  async handler() {},
});
const sweep = defineJob({ kind: 'sweep', async handler() {} });
const pay = defineJob({
  kind: 'pay',
  transaction: true,
  async handler(_, { tx }) {
    expectTypeOf(tx).toEqualTypeOf<Transaction>();
  },
});

describe('assertEnqueued', () => {
  it('takes parts of the payload, of the right types', () => {
    expectTypeOf(
      assertEnqueued(millrace, mail, { payload: { guest: { id: 1 } } }),
    ).resolves.toEqualTypeOf<readonly Job[]>();
    void assertEnqueued(millrace, sweep);
    // @ts-expect-error A number is no address.
    void assertEnqueued(millrace, mail, { payload: { to: 7 } });
    // @ts-expect-error There is no such field.
    void assertEnqueued(millrace, mail, { payload: { guest: { age: 7 } } });
  });
});

describe('runJob', () => {
  it('demands the payload where there is one', () => {
    const payload = { to: 'ada', lines: [], guest: { id: 1, name: 'Ada' } };
    expectTypeOf(runJob(mail, payload).then(({ result }) => result)).resolves.toEqualTypeOf<Json>();
    void runJob(mail, payload, { attempt: 2 });
    void runJob(sweep);
    void runJob(pay, {}, { tx: {} });
    // @ts-expect-error The payload is missing.
    void runJob(mail);
    // @ts-expect-error It is not whole.
    void runJob(mail, { to: 'ada' });
  });
});

describe('drain and simulate', () => {
  it('know their options', () => {
    expectTypeOf<CrashPoint>().toEqualTypeOf<
      'after-claim' | 'after-handler' | 'before-commit' | 'after-commit'
    >();
    void drain(millrace, { crashAt: 'after-claim', handlers: [mail] });
    void simulate(millrace, { for: '7d' });
    // @ts-expect-error Days are written as d.
    void simulate(millrace, { for: '7 days' });
    // @ts-expect-error There is no such point.
    void drain(millrace, { crashAt: 'before-claim' });
  });
});
