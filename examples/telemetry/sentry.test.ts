import * as Sentry from '@sentry/node';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, delays, discard, every, snooze, type AnyJobDefinition } from 'millrace';
import { sentry } from 'millrace/sentry';
import { driveClock } from 'millrace/testing';
import { createTestMillrace, type TestMillrace } from '../../test/helpers/millrace.ts';
import { until } from '../../test/helpers/until.ts';
import { startSentry } from './sentry-stub.ts';

const sent = startSentry();
const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
  (sent.events as unknown[]).length = 0;
  (sent.checkIns as unknown[]).length = 0;
});

async function app(jobs: readonly AnyJobDefinition[]): Promise<TestMillrace> {
  const made = await createTestMillrace({ jobs });
  made.millrace.attach(sentry(Sentry));
  open.push(made);
  return made;
}

async function flushed(): Promise<void> {
  await Sentry.flush(2_000);
}

class PaymentRefused extends Error {
  override readonly name = 'PaymentRefused';
}

it('W10: an exception is reported once per attempt with the tags context=job and job=<kind>', async () => {
  const charge = defineJob({
    kind: 'charge',
    maxAttempts: 2,
    retry: delays([0]),
    handler() {
      throw new PaymentRefused('no money');
    },
  });
  const { millrace } = await app([charge]);
  const { id } = await millrace.enqueue(charge);
  const worker = millrace.createWorker();
  await worker.tick();
  await worker.tick();
  await flushed();
  expect(sent.events.map(({ level }) => level)).toEqual(['warning', 'error']);
  for (const [index, event] of sent.events.entries()) {
    expect(event.tags).toMatchObject({ context: 'job', job: 'charge' });
    expect(event.fingerprint).toEqual(['{{ default }}', 'charge']);
    expect(event.contexts?.['job']).toMatchObject({ id, attempt: index + 1, maxAttempts: 2 });
    expect(event.exception?.values?.at(-1)).toMatchObject({
      type: 'PaymentRefused',
      value: 'no money',
    });
  }
});

it('jobs that run at the same time each have a scope of their own, also for what they report themselves', async () => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  const talk = defineJob({
    kind: 'talk',
    payload: z.object({ n: z.number() }),
    async handler({ n }) {
      Sentry.setTag('n', String(n));
      running += 1;
      if (running === 3) gate.resolve();
      await gate.promise;
      Sentry.captureMessage(`from ${n}`);
    },
  });
  const { millrace } = await app([talk]);
  await millrace.enqueueMany([1, 2, 3].map((n) => talk.with({ n })));
  await millrace.createWorker().tick();
  await flushed();
  expect(sent.events).toHaveLength(3);
  for (const event of sent.events)
    expect(event.tags).toMatchObject({ job: 'talk', n: event.message?.slice('from '.length) });
  Sentry.captureMessage('outside');
  await flushed();
  expect(sent.events.at(-1)?.tags?.['job']).toBeUndefined();
});

it('what a handler asks for is no error', async () => {
  const later = defineJob({
    kind: 'later',
    handler() {
      throw snooze('1h');
    },
  });
  const never = defineJob({
    kind: 'never',
    handler() {
      throw discard('hopeless');
    },
  });
  const { millrace } = await app([later, never]);
  await millrace.enqueueMany([later.with(), never.with()]);
  await millrace.createWorker().tick();
  await flushed();
  expect(sent.events).toEqual([]);
});

it('jobs of a schedule check in with the monitor of that name, over all their attempts', async () => {
  let fails = true;
  const purge = defineJob({
    kind: 'purge',
    maxAttempts: 2,
    retry: delays([0]),
    schedule: { at: every('5m'), name: 'Token purge' },
    handler() {
      if (fails) throw new Error('not yet');
    },
  });
  const { millrace, database } = await app([purge]);
  const clock = await driveClock(database.url);
  open.push(clock);
  const scheduler = millrace.createScheduler();
  await scheduler.tick();
  await clock.advance('5m');
  await scheduler.tick();
  const worker = millrace.createWorker();
  await worker.tick();
  fails = false;
  await worker.tick();
  await flushed();
  await until('both check-ins are sent', () => sent.checkIns.length === 2);
  expect(sent.checkIns).toMatchObject([
    { monitor_slug: 'token-purge', status: 'in_progress' },
    { monitor_slug: 'token-purge', status: 'ok' },
  ]);
  const [first, last] = sent.checkIns;
  expect(first?.['check_in_id']).toBe(last?.['check_in_id']);
  expect(first?.['monitor_config']).toMatchObject({
    schedule: { type: 'interval', value: 5, unit: 'minute' },
  });
  expect(await database.query('SELECT FROM millrace.schedule_fire')).toHaveLength(1);
  await scheduler.stop();
});
