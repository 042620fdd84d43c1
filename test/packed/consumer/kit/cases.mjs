// What the testing kit does, without a test framework; the files beside this one hand it to three of them. Plain JavaScript,
// because jest runs nothing else by itself.
import assert from 'node:assert/strict';
import { createMillrace, defineJob } from 'millrace';
import { assertEnqueued, createTestDatabase, drain, runJob } from 'millrace/testing';
import { z } from 'zod';

const sendMail = defineJob({ kind: 'send-mail', payload: z.object({ to: z.string() }) });

/** A test's own database, with an application that notes what it sent, and by which job. */
async function withApp(body) {
  const database = await createTestDatabase();
  const sent = [];
  const handler = sendMail.handle(async ({ to }, { id }) => void sent.push(`${to} by ${id}`));
  const millrace = createMillrace({ connection: database.url, jobs: [handler], logger: false });
  try {
    await body(millrace, sent);
  } finally {
    await millrace.close();
    await database.drop();
  }
}

export const cases = {
  'each test has a database of its own, in which drain runs what is due': () =>
    withApp(async (millrace, sent) => {
      const { id } = await millrace.enqueue(sendMail, { to: 'ada' });
      await assertEnqueued(millrace, sendMail, { payload: { to: 'ada' }, count: 1 });
      await drain(millrace);
      assert.deepEqual(sent, [`ada by ${id}`]);
      assert.equal(id, '1');
    }),

  'no test sees the jobs of another': () =>
    withApp(async (millrace) => {
      const { id } = await millrace.enqueue(sendMail, { to: 'bob' });
      assert.equal(id, '1');
      await assert.rejects(assertEnqueued(millrace, sendMail, { payload: { to: 'ada' } }), /ada/);
    }),

  'a process that dies after the handler runs it again': () =>
    withApp(async (millrace, sent) => {
      const { id } = await millrace.enqueue(sendMail, { to: 'ada' });
      await drain(millrace, { crashAt: 'after-handler' });
      assert.deepEqual(sent, [`ada by ${id}`, `ada by ${id}`]);
    }),

  'a handler runs without a database, and its error comes out as it is': async () => {
    const greet = sendMail.handle(async ({ to }) => `dear ${to}`);
    const { state, result } = await runJob(greet, { to: 'ada' });
    assert.deepEqual({ state, result }, { state: 'completed', result: 'dear ada' });
    const error = new Error('no paper');
    const failing = sendMail.handle(() => Promise.reject(error));
    await assert.rejects(runJob(failing, { to: 'ada' }), (thrown) => thrown === error);
  },
};
