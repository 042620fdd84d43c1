import { expect, it } from 'vitest';
import { recordedSource } from '../../../../test/helpers/telemetry-source.ts';
import { prometheus } from './prometheus.ts';

it('however many kinds, exceptions, queues and attempts there are, the series are bounded', async () => {
  const metrics = prometheus();
  const { source, emit } = recordedSource();
  metrics.watch?.(source);
  for (let n = 0; n < 20_000; n++) {
    const ref = { id: String(n), kind: `kind ${n}`, queue: `queue ${n}`, attempt: n };
    emit('job:enqueued', { ...ref, deduplicated: false, notified: null });
    const times = { sinceEnqueuedMs: 1, sinceDueMs: 1 };
    emit('attempt:started', { ...ref, ...times, traceparent: undefined });
    const exception = `Error${n % 5_000}`;
    const error = { name: exception, message: '' };
    emit('attempt:finished', { ...ref, state: 'retryable', durationMs: 1, exception, error });
    emit('schedule:failed', { schedule: `schedule ${n}`, error });
    emit('loop:failed', { loop: `loop ${n}`, error });
  }
  const all = await metrics.json();
  const series = new Map(all.map(({ name, values }) => [name, values.length]));
  const buckets = 18;
  expect(series.get('millrace_job_duration_seconds')).toBeLessThan(2_100 * buckets);
  expect(series.get('millrace_job_since_due_seconds')).toBeLessThan(202 * buckets);
  expect(series.get('millrace_jobs_enqueued_total')).toBe(201);
  expect(series.get('millrace_schedule_failures_total')).toBe(101);
  const text = await metrics.text();
  expect(text).toContain('millrace_jobs_enqueued_total{job="other",result="created"} 19800');
  expect(text).toMatch(/job="other",status="retryable",attempt=">5",exception="other"/);
});

it('W9: statuses are the states of Millrace, and the attempt is a number up to the fifth', async () => {
  const metrics = prometheus();
  const { source, emit } = recordedSource();
  metrics.watch?.(source);
  for (const attempt of [1, 5, 6, 40]) {
    emit('attempt:finished', {
      id: '1',
      kind: 'mail',
      queue: 'default',
      attempt,
      state: 'completed',
      durationMs: 20,
      exception: '',
      error: null,
    });
  }
  const text = await metrics.text();
  const count = (attempt: string) =>
    `millrace_job_duration_seconds_count{job="mail",status="completed",attempt="${attempt}",exception=""}`;
  expect(text).toContain(`${count('1')} 1`);
  expect(text).toContain(`${count('5')} 1`);
  expect(text).toContain(`${count('>5')} 2`);
});

it('a page is served although the database is away', async () => {
  const metrics = prometheus();
  const { source } = recordedSource();
  metrics.watch?.({ ...source, backlog: () => Promise.reject(new Error('away')) });
  await metrics.text();
  expect(await metrics.text()).toContain('millrace_scrape_errors_total 1');
});

it('refuses options that it does not know', () => {
  expect(() => prometheus({ targetDelai: '1s' } as object)).toThrow("did you mean 'targetDelay'");
});
