import type { MetricRegistry } from './metric-registry.ts';
import { Counter, Gauge, Histogram } from './metric.ts';

/** From a handler that does next to nothing to one that takes an hour. */
const runSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** From a wake-up by notification to a night in the queue. */
const waitSeconds = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 21600, 86400,
];

/** Statements. */
const statementSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Called when a page is read, before the gauges are. */
export interface Collectors {
  readonly vitals: () => void;
  readonly backlog: () => Promise<void>;
}

/**
 * Every metric, by its name without `millrace_`. A gauge that says something about the whole database is the same in every
 * process, so that of several the largest stands for all; one that is bad news when it is low in any is as low for all;
 * everything else adds up.
 */
export function makeMetrics(registry: MetricRegistry, collect: Collectors) {
  const make = makersFor(registry, collect);
  return { ...jobMetrics(make), ...processMetrics(make), ...backlogMetrics(make) };
}

export type Metrics = ReturnType<typeof makeMetrics>;

function makersFor(registry: MetricRegistry, collect: Collectors) {
  const kept = <M extends Counter<string> | Gauge<string> | Histogram<string>>(metric: M): M => {
    // Of a registry of prom-client, whose declarations know no metrics but its own.
    registry.registerMetric(metric as never);
    return metric;
  };
  const counter = <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
    kept(new Counter({ name: `millrace_${name}_total`, help, labelNames }));
  const gauge = <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
    kept(new Gauge({ name: `millrace_${name}`, help, labelNames, collect: collect.vitals }));
  const weakest = (name: string, help: string) =>
    kept(new Gauge({ name: `millrace_${name}`, help, aggregator: 'min' }));
  const shared = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    kept(
      new Gauge({
        name: `millrace_${name}`,
        help,
        labelNames,
        aggregator: 'max',
        collect: collect.backlog,
      }),
    );
  const histogram = <L extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    ...labelNames: L[]
  ) => kept(new Histogram({ name: `millrace_${name}_seconds`, help, buckets, labelNames }));
  return { counter, gauge, weakest, shared, histogram };
}

type Makers = ReturnType<typeof makersFor>;

function jobMetrics({ counter, histogram }: Makers) {
  return {
    jobDuration: histogram(
      'job_duration',
      'Run times of attempts, by what they came to.',
      runSeconds,
      'job',
      'status',
      'attempt',
      'exception',
    ),
    sinceEnqueued: histogram(
      'job_since_enqueued',
      'Time from enqueueing to the start of each attempt.',
      waitSeconds,
      'job',
    ),
    sinceDue: histogram(
      'job_since_due',
      'Time from becoming due to the start of each attempt.',
      waitSeconds,
      'job',
    ),
    claimDuration: histogram('claim', 'Durations of claims that brought jobs.', statementSeconds),
    settleDuration: histogram('settle', 'Durations of writing outcomes.', statementSeconds),

    enqueued: counter('jobs_enqueued', 'Jobs enqueued by this process.', 'job', 'result'),
    notifications: counter(
      'notifications',
      'Notifications for jobs enqueued by this process: sent, suppressed because nobody waited, or unknown.',
      'result',
    ),
    claims: counter('claims', 'Claims, each counted once: taken, empty or failed.', 'result'),
    claimErrors: counter(
      'claim_errors',
      'Claims that failed, by cause: serialization, connection or other.',
      'cause',
    ),
    claimed: counter('jobs_claimed', 'Jobs taken by claims.'),
    written: counter('outcomes_written', 'Outcomes that the database has taken.'),
    refused: counter(
      'outcomes_refused',
      'Late writes that were refused because the job had moved on.',
      'job',
    ),
    unknown: counter('outcomes_unknown', 'Outcomes whose answer was lost without a trace.', 'job'),
    retried: counter('outcome_write_failures', 'Writes of outcomes that failed and are repeated.'),
    resultsDropped: counter('results_dropped', 'Results that could not be kept.', 'job'),
  };
}

function processMetrics({ counter, gauge, weakest }: Makers) {
  return {
    rescued: counter('jobs_rescued', 'Jobs taken from dead workers.', 'job', 'status'),
    died: counter('workers_died', 'Workers found dead by this process.', 'reason'),
    renewed: counter('worker_renewals', 'New identities of workers here, by reason.', 'reason'),
    heartbeatFailures: counter('heartbeat_failures', 'Heartbeats that failed and are repeated.'),
    blocks: counter('loop_blocks', 'Times that the event loop of this process stood still.'),
    blockedSeconds: counter('loop_blocked_seconds', 'Seconds in which it stood still.'),
    blocksOfOthers: counter(
      'loop_blocks_of_others',
      'Blocked event loops of other processes, seen by this one.',
    ),
    loopFailures: counter('loop_failures', 'Failures in the background, by loop.', 'loop'),
    listenerLosses: counter('listener_losses', 'Times that notifications were lost.'),
    fired: counter('schedule_fires', 'Fire times that this process made jobs of.', 'schedule'),
    skipped: counter('schedule_skips', 'Times that missed fire times were let go.', 'schedule'),
    scheduleFailures: counter('schedule_failures', 'Failures of schedules.', 'schedule'),
    eventsDropped: counter(
      'events_dropped',
      'Events that a slow subscriber of this process missed.',
      'subscriber',
    ),
    scrapeErrors: counter('scrape_errors', 'Pages of metrics without what waits in the database.'),

    running: gauge('jobs_running', 'Handlers that run.', 'job'),
    inHand: gauge('jobs_in_hand', 'Claimed jobs: running, waiting for a slot or to be written.'),
    unwritten: gauge('outcomes_unwritten', 'Outcomes that the database has not taken yet.'),
    connections: gauge('connections', 'Open connections to the database.', 'of'),
    slots: gauge('worker_slots', 'Jobs that the workers of this process may run at a time.'),
    listening: weakest('listening', '1 while notifications arrive, 0 while they do not.'),
  };
}

function backlogMetrics({ shared }: Makers) {
  return {
    queueJobs: shared('queue_jobs', 'Unfinished jobs; an estimate beyond 1000.', 'queue'),
    queueDue: shared('queue_due_jobs', 'Due jobs that wait; an estimate beyond 1000.', 'queue'),
    queueOldest: shared('queue_oldest_due_seconds', 'How long the oldest waits.', 'queue'),
    unserved: shared('unserved_jobs', 'Due jobs that no live worker would take.', 'job', 'queue'),
    workersWanted: shared(
      'workers_wanted',
      'Workers like this one that it takes to start what is due within the target delay.',
      'queue',
    ),
  };
}
