/** The table of the comparison: a few figures of each peer. */
import type { Result } from '../results.ts';
import { finder } from './targets.ts';

const columns = {
  Millrace: 'millrace:default',
  'pg-boss, best': 'pg-boss:best',
  'graphile-worker, defaults': 'graphile-worker:default',
  'graphile-worker, best': 'graphile-worker:best',
  'BullMQ on PostgreSQL, best': 'bullmq-pg:best',
  'BullMQ on Redis, each write on disk': 'bullmq-redis:always',
  'hand-written SQL': 'raw-update:default',
};

const rows = [
  ['insert-bulk', 'jobs_per_s', 'enqueue in bulk, jobs/s'],
  ['insert-single', 'own.jobs_per_s', 'enqueue one by one, 10 at a time, jobs/s'],
  ['insert-single', 'tx.jobs_per_s', 'the same in transactions of the application'],
  ['throughput', 'p1.jobs_per_s', 'one process, handlers that do nothing, jobs/s'],
  ['throughput', 'p4.jobs_per_s', 'four processes'],
  ['throughput', 'p1.cpu_us_per_job', 'processor time per job, server and client, µs'],
  ['latency', 'every20ms.p50_ms', 'from enqueue to handler, a job each 20 ms, median, ms'],
  ['latency', 'every20ms.p99_ms', 'from enqueue to handler, a job each 20 ms, 99th percentile, ms'],
  ['retry', 'jobs_per_s', 'each job fails once and runs again, jobs/s'],
] as const;

/** Lines of Markdown. */
export function headlines(results: readonly Result[]): string {
  const find = finder(results);
  const shown = (value: number | undefined) =>
    value?.toLocaleString('en-US', { maximumSignificantDigits: 3 }) ?? '–';
  const cells = rows.map(([scenario, metric, what]) => [
    what,
    ...Object.values(columns).map((who) => shown(find(scenario, metric, who))),
  ]);
  const head = ['', ...Object.keys(columns)];
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
