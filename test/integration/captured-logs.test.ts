import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, delays, snooze, type AnyJobDefinition, type MillraceOptions } from 'millrace';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { until } from '../helpers/until.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function app(
  jobs: readonly AnyJobDefinition[],
  options: MillraceOptions = { captureLogs: true },
): Promise<TestMillrace> {
  const made = await createTestMillrace({ jobs, ...options });
  open.push(made);
  return made;
}

const talkative = defineJob({
  kind: 'talkative',
  payload: z.object({ how: z.enum(['completes', 'fails', 'snoozes', 'commits']) }),
  maxAttempts: 2,
  retry: delays([0]),
  async handler({ how }, { logger, attempt }) {
    logger.debug({ attempt }, 'begun');
    if (how === 'fails') throw new Error('broken');
    if (how === 'snoozes') throw snooze('1h');
  },
});

const line = (attempt: number) => ({
  level: 'debug',
  message: 'begun',
  details: { attempt },
  at: expect.any(Date) as unknown,
});

it('what a handler logs is kept with its attempt, whether it fails or completes', async () => {
  const { millrace } = await app([talkative]);
  const worker = millrace.createWorker();
  const { id: fails } = await millrace.enqueue(talkative, { how: 'fails' });
  const { id: completes } = await millrace.enqueue(talkative, { how: 'completes' });
  await worker.tick();
  await worker.tick();
  expect(await millrace.get(fails)).toMatchObject({
    state: 'discarded',
    attempts: [
      { ending: 'failed', attempt: 1, logs: [line(1)] },
      { ending: 'discarded', attempt: 2, logs: [line(2)] },
    ],
  });
  expect(await millrace.get(completes)).toMatchObject({
    state: 'completed',
    attempts: [{ ending: 'completed', attempt: 1, error: null, logs: [line(1)] }],
  });
});

it('completions with lines are written also while a worker claims all the time', async () => {
  const { millrace } = await app([talkative]);
  const { id } = await millrace.enqueue(talkative, { how: 'completes' });
  await millrace.createWorker().start();
  await until('it completed', async () => (await millrace.get(id))?.state === 'completed');
  expect((await millrace.get(id))?.attempts).toMatchObject([{ logs: [line(1)] }]);
});

it('a transaction that completes a job keeps its lines too', async () => {
  const transactional = defineJob({
    kind: 'transactional',
    transaction: true,
    async handler(_, { logger, tx }) {
      logger.info({ quote: `it's "quoted" \\ {}` }, 'in a transaction');
      await tx.query('SELECT 1');
    },
  });
  const { millrace } = await app([transactional]);
  const { id } = await millrace.enqueue(transactional);
  await millrace.createWorker().tick();
  expect(await millrace.get(id)).toMatchObject({
    state: 'completed',
    attempts: [{ logs: [{ details: { quote: `it's "quoted" \\ {}` } }] }],
  });
});

it('lines are bounded, and the last ones are kept', async () => {
  const chatter = defineJob({
    kind: 'chatter',
    async handler(_, { logger }) {
      for (let n = 0; n < 1_000; n++) logger.info({ n }, 'x'.repeat(100));
    },
  });
  const { millrace } = await app([chatter], { captureLogs: { lines: 20 } });
  const { id } = await millrace.enqueue(chatter);
  await millrace.createWorker().tick();
  const logs = (await millrace.get(id))?.attempts[0]?.logs ?? [];
  expect(logs).toHaveLength(21);
  expect(logs[0]?.message).toBe('980 earlier lines were not kept');
  expect(logs.at(-1)?.details).toEqual({ n: 999 });
});

it('G8: a line that the database could not take fails no job', async () => {
  const hostile = defineJob({
    kind: 'hostile',
    async handler(_, { logger }) {
      const circle: Record<string, unknown> = { nul: '\u0000', lone: '\uD800', big: 7n };
      circle['self'] = circle;
      logger.warn(circle, 'NUL \u0000 and \uDC00');
      logger.warn({ long: 'x'.repeat(1e6) }, 'y'.repeat(1e6));
      logger.warn(Object.create(null) as object, '');
    },
  });
  const { millrace } = await app([hostile]);
  const { id } = await millrace.enqueue(hostile);
  await millrace.createWorker().tick();
  expect(await millrace.get(id)).toMatchObject({ state: 'completed' });
  expect(JSON.stringify((await millrace.get(id))?.attempts).length).toBeLessThan(20_000);
});

it('nothing is kept of jobs that leave no trace, nor where it is not asked for', async () => {
  const passing = talkative.with({ how: 'snoozes' });
  const silent = await app([talkative], {});
  const kept = await app([talkative]);
  for (const { millrace } of [silent, kept]) {
    await millrace.enqueueMany([passing]);
    const { id } = await millrace.enqueue(talkative, { how: 'completes' });
    await millrace.createWorker().tick();
    expect((await millrace.get(id))?.attempts).toHaveLength(millrace === kept.millrace ? 1 : 0);
  }
  const rows = await kept.database.query('SELECT FROM millrace.job_attempt');
  expect(rows).toHaveLength(1);
});
