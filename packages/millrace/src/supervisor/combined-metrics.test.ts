import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { CombinedMetrics, countsOf } from './combined-metrics.ts';
import type { MetricsJson } from './messages.ts';

/**
 * What a process counts that has run so many jobs, and reads one gauge of its own and one of the database, in a registry of
 * the application's.
 */
function process(jobs: number) {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, rest: object) =>
    new Gauge({ name, help, registers, ...rest }).set(7);
  let asked = 0;
  gauge('own', 'Adds up.', { collect: () => asked++ });
  gauge('shared', 'Is the same for all.', { aggregator: 'max' });
  new Counter({ name: 'jobs_total', help: 'Jobs.', labelNames: ['job'], registers }).inc(
    { job: 'mail' },
    jobs,
  );
  const times = new Histogram({ name: 'seconds', help: 'Times.', buckets: [1, 2], registers });
  for (let n = 0; n < jobs; n++) times.observe(1.5);
  return {
    registry,
    json: async () => (await registry.getMetricsAsJSON()) as unknown as MetricsJson,
    asked: () => asked,
  };
}

const counts = { ready: 2, restarts: 1, replacements: 3 };

it('W24: what several processes count adds up on one page, and what is the same for all stays what it is', async () => {
  const combined = new CombinedMetrics<string>();
  combined.heard('one', await process(2).json());
  combined.heard('other', await process(3).json());
  const page = await combined.page(counts);
  expect(page).toContain('jobs_total{job="mail"} 5\n');
  expect(page).toContain('seconds_bucket{le="1"} 0\n');
  expect(page).toContain('seconds_bucket{le="2"} 5\n');
  expect(page).toContain('seconds_count 5\n');
  expect(page).toContain('own 14\n');
  expect(page).toContain('shared 7\n');
  expect(page).toContain('millrace_processes 2\n');
  expect(page).toContain('millrace_process_restarts_total 1\n');
  expect(page).toContain('millrace_process_replacements_total 3\n');
});

it('W24: what has ended still counts, so that no total falls, and measures nothing any more', async () => {
  const combined = new CombinedMetrics<number>();
  for (let n = 1; n <= 20; n++) {
    combined.heard(n, await process(2).json());
    combined.ended(n);
    // Pages may be read while what has ended is put together.
    expect(await combined.page(counts)).toContain(`jobs_total{job="mail"} ${2 * n}\n`);
  }
  combined.heard(21, await process(1).json());
  combined.ended(22);
  const page = await combined.page(counts);
  expect(page).toContain('jobs_total{job="mail"} 41\n');
  expect(page).toContain('seconds_bucket{le="2"} 41\n');
  expect(page).toContain('own 7\n');
});

it('what a process counted to its end is told without asking a gauge, which may ask the database', async () => {
  const { registry, asked } = process(2);
  const counted = await countsOf(registry);
  expect(counted.map(({ name }) => name)).toEqual(['jobs_total', 'seconds']);
  expect(asked()).toBe(0);
  const combined = new CombinedMetrics<string>();
  combined.heard('one', counted);
  combined.ended('one');
  expect(await combined.page(counts)).toContain('seconds_sum 3\n');
});
