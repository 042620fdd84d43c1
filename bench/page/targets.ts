/** What Millrace is meant to reach, beside hand-written SQL and the other queues, and what keeps it where it does not. */
import type { Result } from '../results.ts';

/** Finds figures among all results: the median of a metric, of Millrace by its defaults unless another is named. */
export type Find = (scenario: string, metric: string, who?: string) => number | undefined;

interface Target {
  readonly scenario: string;
  readonly what: string;
  readonly value: (find: Find) => number | undefined;
  readonly least?: number;
  readonly most?: number;
  readonly unit?: string;
  /** Shown where it is not met. */
  readonly limit?: string;
}

const own = 'millrace:default';
const postgresPeers = ['graphile-worker:best', 'pg-boss:best', 'bullmq-pg:best'];
const peers = [...postgresPeers, 'bullmq-redis:memory', 'bullmq-redis:always'];

export function finder(results: readonly Result[]): Find {
  return (scenario, metric, who = own) =>
    results
      .find((result) => result.scenario === scenario)
      ?.figures.find(
        (figure) => figure.metric === metric && `${figure.peer}:${figure.config}` === who,
      )?.median;
}

const quotient = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? undefined : a / b;

/** How many times the best of others, where more is better. */
function timesBest(find: Find, scenario: string, metric: string, others = peers) {
  const known = others.flatMap((who) => find(scenario, metric, who) ?? []);
  return known.length === 0 ? undefined : quotient(find(scenario, metric), Math.max(...known));
}

/** The same where less is better. */
function partOfBest(find: Find, scenario: string, metric: string, others = peers) {
  const known = others.flatMap((who) => find(scenario, metric, who) ?? []);
  return known.length === 0 ? undefined : quotient(find(scenario, metric), Math.min(...known));
}

const toSql = (scenario: string, metric: string, who?: string) => (find: Find) =>
  find(scenario, `${metric}/raw-update`, who);

const difference = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? undefined : a - b;

const oneSession =
  'One process works through one session: in drains of 500,000 jobs on the same machine its backend needed 17 µs a job, the client ' +
  '10, and hand-written SQL keeps two backends busy. Settling on a second connection brought 3 % for 15 % more processor time (decision 0011). More processes use ' +
  'more backends.';

const bulkLimit =
  'The server needs 7 µs a job where the narrow table needs 4 to 5: more columns, an index of four of them, larger rows in the log. ' +
  'The next thousand are judged meanwhile, but become parameters only when the answer is there.';

const latencyLimit =
  'Of 4.7 ms on an idle machine the enqueue call takes 2.5 until its notification arrives (0.65 of it in the statement, most of the rest ' +
  'in the commit), the worker 0.3 until it claims, the claim 1.6 (0.55 in the statement, then its commit), the handler starts 0.15 ' +
  'later. Hand-written SQL has the same wake-ups and commits, and smaller statements.';

const alwaysLooks =
  'Each process writes a heartbeat every three seconds, and two of them look twice a second for sessions that have ended: that is ' +
  'how the jobs of a killed process run elsewhere after about 1.5 s (decision 0009).';

const memoryLimit =
  'Most of it is the young generation of V8, which it sizes by the memory of the machine: with --max-semi-space-size=4 the same process ' +
  'held 162 MiB in its first 50 s instead of 254, and hand-written SQL 98 instead of 113. After a collection in a drain 17 MiB live.';

const depths = {
  ready: 'a million ready',
  scheduled: 'a million scheduled',
  foreign: '300,000 of a kind that nobody serves ahead',
};

const ratios: readonly Target[] = [
  {
    scenario: 'insert-bulk',
    what: 'jobs/s, validated, to hand-written `unnest`',
    value: toSql('insert-bulk', 'jobs_per_s'),
    least: 0.7,
    limit: bulkLimit,
  },
  {
    scenario: 'insert-bulk',
    what: 'jobs/s to the best peer',
    value: (find) => timesBest(find, 'insert-bulk', 'jobs_per_s'),
    least: 1.3,
  },
  {
    scenario: 'insert-single',
    what: 'jobs/s on connections of its own, to hand-written SQL that sends each alone',
    value: toSql('insert-single', 'own.jobs_per_s'),
    least: 0.7,
  },
  {
    scenario: 'insert-single',
    what: 'the same to the best peer on PostgreSQL',
    value: (find) => timesBest(find, 'insert-single', 'own.jobs_per_s', postgresPeers),
    least: 1.5,
  },
  {
    scenario: 'insert-single',
    what: 'jobs/s in transactions of the application, to the best peer',
    value: (find) => timesBest(find, 'insert-single', 'tx.jobs_per_s', postgresPeers),
    least: 1.5,
  },
  {
    scenario: 'throughput',
    what: 'one process, only failures kept: jobs/s to hand-written SQL',
    value: toSql('throughput', 'p1.jobs_per_s', 'millrace:failures-only'),
    least: 1,
    limit: oneSession,
  },
  {
    scenario: 'throughput',
    what: 'one process, all kept: jobs/s to hand-written SQL',
    value: toSql('throughput', 'p1.jobs_per_s'),
    least: 0.75,
    limit: oneSession,
  },
  {
    scenario: 'throughput',
    what: 'the same to the best tuned peer',
    value: (find) => timesBest(find, 'throughput', 'p1.jobs_per_s'),
    least: 1.2,
    limit: 'As above. That peer keeps no history, and holds thousands of jobs in one process.',
  },
  {
    scenario: 'throughput',
    what: 'the same to graphile-worker by its defaults',
    value: (find) =>
      quotient(
        find('throughput', 'p1.jobs_per_s'),
        find('throughput', 'p1.jobs_per_s', 'graphile-worker:default'),
      ),
    least: 15,
    limit: oneSession,
  },
  {
    scenario: 'throughput',
    what: 'one process, all kept: processor time of server and client per job, to hand-written SQL',
    value: toSql('throughput', 'p1.cpu_us_per_job'),
    most: 1.35,
    limit:
      'Without the history the server needs what it needs for hand-written SQL, with it a third more; the rest is the client: `pg` 3 µs ' +
      'a job, the garbage collector 1.5, an attempt with its context, events and settlement 5.',
  },
  {
    scenario: 'latency',
    what: 'a job each 20 ms: median to a hand-written LISTEN loop',
    value: toSql('latency', 'every20ms.p50_ms'),
    most: 1.15,
    limit: latencyLimit,
  },
  {
    scenario: 'latency',
    what: 'a job each 20 ms: 99th percentile to a hand-written LISTEN loop',
    value: toSql('latency', 'every20ms.p99_ms'),
    most: 1.5,
    limit: latencyLimit,
  },
  {
    scenario: 'latency',
    what: 'a job each 20 ms: median to the best peer on PostgreSQL',
    value: (find) => partOfBest(find, 'latency', 'every20ms.p50_ms', postgresPeers),
    most: 1,
    limit: latencyLimit,
  },
  ...Object.entries(depths).map(([variant, what]) => ({
    scenario: 'depth',
    what: `jobs/s to a queue without them: ${what}`,
    value: (find: Find) =>
      quotient(find('depth', `${variant}.jobs_per_s`), find('depth', 'plain.jobs_per_s')),
    least: 0.85,
    limit: 'Two rounds, whose plain drains differed by a fifth.',
  })),
  {
    scenario: 'snapshot',
    what: 'median claim in the last 15 s to that in the first',
    value: (find) =>
      quotient(find('snapshot', 'last_claim_p50_ms'), find('snapshot', 'first_claim_p50_ms')),
    most: 1.2,
  },
  {
    scenario: 'snapshot',
    what: 'jobs/s of a burst to one before',
    value: (find) => find('snapshot', 'burst_ratio'),
    least: 0.85,
  },
  {
    scenario: 'retry',
    what: 'jobs/s to SQL that stores the same error',
    value: toSql('retry', 'jobs_per_s'),
    least: 0.6,
  },
  {
    scenario: 'telemetry',
    what: 'with metrics: jobs/s to those without',
    value: (find) =>
      quotient(
        find('telemetry', 'jobs_per_s', 'millrace:metrics'),
        find('telemetry', 'jobs_per_s'),
      ),
    least: 0.95,
  },
];

const amounts: readonly Target[] = [
  {
    scenario: 'snapshot',
    what: '99th percentile from enqueue to start, of the last 15 s less the first',
    value: (find) => difference(find('snapshot', 'last_p99_ms'), find('snapshot', 'first_p99_ms')),
    most: 15,
    unit: ' ms',
  },
  {
    scenario: 'snapshot',
    what: 'cores of the server at 1,000 jobs/s',
    value: (find) => find('snapshot', 'server_cores'),
    most: 0.5,
  },
  {
    scenario: 'late-commits',
    what: '99th percentile from commit to start of ordinary jobs, 8 producers',
    value: (find) => find('late-commits', 'p8.ordinary_p99_ms'),
    most: 25,
    unit: ' ms',
  },
  {
    scenario: 'late-commits',
    what: 'the latest of all, of transactions open for up to 1,000 ms',
    value: (find) => latest(find, ['ordinary_max_ms', 'late_700_ms_max_ms', 'late_1000_ms_max_ms']),
    most: 2_000,
    unit: ' ms',
  },
  {
    scenario: 'late-commits',
    what: 'jobs lost, or run twice',
    value: (find) =>
      sum(find('late-commits', 'p8.lost_jobs'), find('late-commits', 'p8.twice_jobs')),
    most: 0,
  },
  {
    scenario: 'telemetry',
    what: 'processor time of a process with everything attached, beyond that with nothing, per job',
    value: (find) =>
      difference(
        find('telemetry', 'client_cpu_us_per_job', 'millrace:metrics+traces+errors'),
        find('telemetry', 'client_cpu_us_per_job'),
      ),
    most: 25,
    unit: ' µs',
  },
  {
    scenario: 'idle',
    what: 'transactions in 30 s, six of them questions of the listener',
    value: (find) => find('idle', 'transactions_per_30_s'),
    most: 7,
    limit: alwaysLooks,
  },
  {
    scenario: 'idle',
    what: 'processor time of the process',
    value: (find) => find('idle', 'worker_cpu_percent'),
    most: 0.2,
    unit: ' % of a core',
    limit: alwaysLooks,
  },
  {
    scenario: 'memory',
    what: 'resident at 1,000 jobs/s with a million waiting',
    value: (find) => find('memory', 'paced.rss_max_mib'),
    most: 150,
    unit: ' MiB',
    limit: memoryLimit,
  },
  {
    scenario: 'memory',
    what: 'its growth after the second minute',
    value: (find) => find('memory', 'paced.rss_slope_mib_per_min'),
    most: 1,
    unit: ' MiB/min',
  },
];

const sum = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? undefined : a + b;

function latest(find: Find, metrics: readonly string[]): number | undefined {
  const known = metrics.flatMap((metric) => find('late-commits', `p8.${metric}`) ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** A row for each target that was measured. */
export function targetRows(results: readonly Result[]): string[][] {
  const find = finder(results);
  return [...ratios, ...amounts].flatMap(
    ({ scenario, what, value, least, most, unit = '', limit }) => {
      const measured = value(find);
      if (measured === undefined) return [];
      const isMet = measured >= (least ?? -Infinity) && measured <= (most ?? Infinity);
      const wanted = least === undefined ? `≤ ${most}${unit}` : `≥ ${least}${unit}`;
      const shown = measured.toLocaleString('en-US', { maximumSignificantDigits: 3 });
      return [[scenario, what, wanted, `${shown}${unit}`, isMet ? 'yes' : `no. ${limit ?? ''}`]];
    },
  );
}
