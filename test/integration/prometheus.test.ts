import { AggregatorRegistry, Registry } from 'prom-client';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, delays, type AnyJobDefinition, type MillraceOptions } from 'millrace';
import { prometheus, type PrometheusMetrics } from 'millrace/prometheus';
import { createTestMillrace, type TestMillrace } from '../helpers/millrace.ts';
import { until } from '../helpers/until.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

interface Measured extends TestMillrace {
  readonly metrics: PrometheusMetrics;
}

async function app(
  jobs: readonly AnyJobDefinition[],
  options: MillraceOptions = {},
): Promise<Measured> {
  const made = await createTestMillrace({ jobs, ...options });
  open.push(made);
  const metrics = made.millrace.attach(prometheus());
  return { ...made, metrics };
}

/** The lines of a page without comments, by what stands before the value. */
async function page(metrics: PrometheusMetrics): Promise<Map<string, number>> {
  // What happened just now reaches subscribers after the engine's own work.
  await new Promise((resolve) => setImmediate(resolve));
  const lines = (await metrics.text()).split('\n').filter((line) => /^[a-z]/.test(line));
  return new Map(
    lines.map((line) => {
      const place = line.lastIndexOf(' ');
      return [line.slice(0, place), Number(line.slice(place + 1))];
    }),
  );
}

class PaymentRefused extends Error {
  override readonly name = 'PaymentRefused';
}

const charge = defineJob({
  kind: 'charge',
  payload: z.object({ refuse: z.boolean() }),
  maxAttempts: 2,
  retry: delays([0]),
  async handler({ refuse }) {
    if (refuse) throw new PaymentRefused('no money');
  },
});

it('W9 W12: durations have the labels job, status, attempt and exception', async () => {
  const { millrace, metrics } = await app([charge]);
  const worker = millrace.createWorker();
  await millrace.enqueue(charge, { refuse: false });
  await millrace.enqueue(charge, { refuse: true });
  await worker.tick();
  await worker.tick();
  const found = await page(metrics);
  const count = (labels: string) => found.get(`millrace_job_duration_seconds_count{${labels}}`);
  expect(count('job="charge",status="completed",attempt="1",exception=""')).toBe(1);
  expect(count('job="charge",status="available",attempt="1",exception="PaymentRefused"')).toBe(1);
  expect(count('job="charge",status="discarded",attempt="2",exception="PaymentRefused"')).toBe(1);
});

it('W7: the time since a job was enqueued, and since it became due, is observed at every attempt', async () => {
  const { millrace, metrics } = await app([charge]);
  const worker = millrace.createWorker();
  await millrace.enqueue(charge, { refuse: true }, { scheduledAt: new Date(Date.now() - 60_000) });
  await worker.tick();
  await worker.tick();
  const found = await page(metrics);
  expect(found.get('millrace_job_since_enqueued_seconds_count{job="charge"}')).toBe(2);
  expect(found.get('millrace_job_since_due_seconds_count{job="charge"}')).toBe(2);
  expect(found.get('millrace_job_since_due_seconds_sum{job="charge"}')).toBeGreaterThan(60);
  expect(found.get('millrace_job_since_enqueued_seconds_sum{job="charge"}')).toBeLessThan(60);
});

it('W4 W5: claims are counted once each, and those that failed by their cause', async () => {
  const { millrace, metrics, database } = await app([charge]);
  const worker = millrace.createWorker();
  await millrace.enqueue(charge, { refuse: false });
  await worker.tick();
  await worker.tick();
  for (const code of ['40001', '57P01']) {
    await database.query(`CREATE OR REPLACE FUNCTION millrace.now() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS
      $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '${code}'; END $$`);
    await worker.tick();
  }
  const found = await page(metrics);
  const claims = (result: string) => found.get(`millrace_claims_total{result="${result}"}`);
  expect([claims('taken'), claims('empty'), claims('failed')]).toEqual([1, 1, 2]);
  const errors = (cause: string) => found.get(`millrace_claim_errors_total{cause="${cause}"}`);
  expect([errors('serialization'), errors('connection')]).toEqual([1, 1]);
});

it('what waits is asked of the database when the page is read', async () => {
  const { millrace, metrics } = await app([charge]);
  const foreign = defineJob({ kind: 'foreign', queue: 'elsewhere' });
  const longAgo = new Date(Date.now() - 3_600_000);
  await millrace.enqueueMany([
    ...Array.from({ length: 5 }, () => charge.with({ refuse: false })),
    ...Array.from({ length: 3 }, () => charge.with({ refuse: false }, { delay: '1h' })),
    charge.with({ refuse: false }, { scheduledAt: longAgo, priority: 3 }),
    foreign.with({}, { scheduledAt: longAgo }),
  ]);
  const found = await page(metrics);
  expect(found.get('millrace_queue_jobs{queue="default"}')).toBe(9);
  expect(found.get('millrace_queue_due_jobs{queue="default"}')).toBe(6);
  expect(found.get('millrace_queue_due_jobs{queue="elsewhere"}')).toBe(1);
  // A job's place in its queue is never before its enqueueing.
  expect(found.get('millrace_queue_oldest_due_seconds{queue="default"}')).toBeLessThan(60);
  expect(found.get('millrace_jobs_running{job="charge"}')).toBeUndefined();
  expect(found.get('millrace_connections{of="pool"}')).toBeGreaterThan(0);
});

it('a long queue is estimated and never counted', async () => {
  const { metrics, database } = await app([charge]);
  await database.query(`INSERT INTO millrace.job (run_at, scheduled_at, created_at, priority, max_attempts, queue, kind, payload)
    SELECT now() - interval '1 hour', now(), now(), 0, 1, 'long', 'charge', '{}' FROM generate_series(1, 30000)`);
  await database.query('ANALYZE millrace.job');
  const found = await page(metrics);
  for (const name of ['queue_jobs', 'queue_due_jobs']) {
    const estimate = found.get(`millrace_${name}{queue="long"}`) ?? 0;
    expect(estimate).toBeGreaterThan(20_000);
    expect(estimate).toBeLessThan(40_000);
  }
  expect(found.get('millrace_queue_oldest_due_seconds{queue="long"}')).toBeGreaterThan(3_500);
  expect(found.get('millrace_unserved_jobs{job="charge",queue="long"}')).toBe(100);
});

it('what runs, its slots and the workers wanted are told while the worker runs', async () => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  const slow = defineJob({
    kind: 'slow',
    async handler() {
      running += 1;
      await gate.promise;
    },
  });
  const { millrace, metrics } = await app([slow, charge]);
  const worker = millrace.createWorker({ concurrency: 3 });
  await worker.start();
  await millrace.enqueue(charge, { refuse: false });
  await until(
    'a run time is known',
    async () =>
      (await metrics.text()).includes('millrace_workers_wanted{queue="default"}') ||
      (await page(metrics)).has(
        'millrace_job_duration_seconds_count{job="charge",status="completed",attempt="1",exception=""}',
      ),
  );
  await millrace.enqueueMany(Array.from({ length: 3 }, () => slow.with()));
  await until('three run', () => running === 3);
  const found = await page(metrics);
  expect(found.get('millrace_jobs_running{job="slow"}')).toBe(3);
  expect(found.get('millrace_worker_slots')).toBe(3);
  expect(found.get('millrace_connections{of="engine"}')).toBeGreaterThanOrEqual(2);
  gate.resolve();
  await worker.stop();
  expect((await page(metrics)).get('millrace_worker_slots')).toBe(0);
});

it('a queue that is served here and holds nothing says so', async () => {
  const { millrace, metrics } = await app([charge]);
  expect((await page(metrics)).has('millrace_queue_due_jobs{queue="default"}')).toBe(false);
  await millrace.createWorker().start();
  const found = await page(metrics);
  for (const name of ['queue_jobs', 'queue_due_jobs', 'queue_oldest_due_seconds', 'workers_wanted'])
    expect(found.get(`millrace_${name}{queue="default"}`)).toBe(0);
});

it('a notification is counted as suppressed when nobody waits, and as sent when somebody does', async () => {
  const { millrace, metrics } = await app([charge]);
  await millrace.enqueue(charge, { refuse: false });
  await millrace.enqueueMany([charge.with({ refuse: false }), charge.with({ refuse: false })]);
  const before = await page(metrics);
  expect(before.get('millrace_notifications_total{result="suppressed"}')).toBe(1);
  expect(before.get('millrace_notifications_total{result="unknown"}')).toBe(2);
  await millrace.createWorker().start();
  await until('one is sent', async () => {
    await millrace.enqueue(charge, { refuse: false });
    return (await page(metrics)).has('millrace_notifications_total{result="sent"}');
  });
});

it('W24: pages of several processes become one', async () => {
  const first = await app([charge]);
  const second = await app([charge]);
  for (const { millrace, metrics } of [first, second]) {
    await millrace.enqueue(charge, { refuse: false });
    await page(metrics);
  }
  const pages = await Promise.all([first.metrics.json(), second.metrics.json()]);
  const text = await AggregatorRegistry.aggregate(pages).metrics();
  expect(text).toContain('millrace_jobs_enqueued_total{job="charge",result="created"} 2');
  // The same in every process that sees this database, so that it must not add up.
  expect(text).toContain('millrace_queue_due_jobs{queue="default"} 1');
});

it('a registry of the application takes the metrics beside its own', async () => {
  const registry = new Registry();
  const made = await createTestMillrace({ jobs: [charge] });
  open.push(made);
  made.millrace.attach(prometheus({ registry }));
  await made.millrace.enqueue(charge, { refuse: false });
  const text = await registry.metrics();
  expect(text).toContain('millrace_queue_due_jobs{queue="default"} 1');
});
