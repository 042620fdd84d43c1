import type { Duration } from '../core/duration.ts';
import type { EventName, Events, MillraceEvent } from '../core/events.ts';
import { checkOptions } from '../core/options.ts';
import type { Backlog } from '../core/operator/backlog.ts';
import type { Telemetry, TelemetrySource } from '../core/telemetry.ts';
import { prometheusChecks, telemetryDefaults } from '../core/telemetry-options.ts';
import { attemptLabel, boundedNames, other } from './bounded.ts';
import type { MetricJson } from './metric.ts';
import { Registry, type MetricRegistry } from './metric-registry.ts';
import { makeMetrics, type Collectors, type Metrics } from './prometheus-metrics.ts';
import { RunTimes } from './run-times.ts';

/** So many kinds, classes of exceptions, queues and other names get series of their own. */
const mostKinds = 200;
const mostExceptions = 50;
const mostNames = 100;

/** So many combinations of labels the durations may have, times their buckets; what is new beyond loses its names. */
const mostDurations = 2_000;

/** What `prometheus` takes. */
export interface PrometheusOptions {
  /** Where the metrics are registered: a `Registry` of prom-client. Default: one of its own. */
  readonly registry?: MetricRegistry;
  /** How soon due jobs are to start: what `millrace_workers_wanted` aims at. Default 30 s. */
  readonly targetDelay?: Duration;
}

/** The metrics of one process, as a tool to attach and pages to serve. */
export interface PrometheusMetrics extends Telemetry {
  readonly registry: MetricRegistry;
  /** The header `content-type` of `text()`. */
  readonly contentType: string;
  /** The page that Prometheus reads. */
  text(): Promise<string>;
  /** The same for `AggregatorRegistry.aggregate` of prom-client, which makes one page of several processes. */
  json(): Promise<MetricJson[]>;
}

type Listeners = { readonly [Name in EventName]?: (data: Events[Name]) => void };

/**
 * Counts what happens in this process, and asks the database what waits whenever a page is read. Labels are bounded: beyond
 * 200 kinds and 50 classes of exceptions the rest is `other`.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID, MILLRACE_DURATION_INVALID
 */
export function prometheus(options: PrometheusOptions = {}): PrometheusMetrics {
  const { targetDelay } = checkOptions(prometheusChecks, options, 'prometheus');
  const registry = options.registry ?? new Registry();
  const runTimes = new RunTimes();
  const sources: TelemetrySource[] = [];
  const targetDelayMs = targetDelay ?? telemetryDefaults.targetDelayMs;
  const collectors = collectorsOf({ metrics: () => metrics, sources, runTimes, targetDelayMs });
  const metrics = makeMetrics(registry, collectors);
  const listeners = listenersOf(metrics, runTimes);
  return {
    name: 'prometheus',
    registry,
    contentType: registry.contentType,
    watch(source) {
      sources.push(source);
      source.subscribe(
        ({ name, data }: MillraceEvent) => {
          (listeners[name] as ((of: typeof data) => void) | undefined)?.(data);
        },
        (name) => name in listeners,
      );
    },
    text: () => registry.metrics(),
    json: () => registry.getMetricsAsJSON() as Promise<MetricJson[]>,
  };
}

function listenersOf(metrics: Metrics, runTimes: RunTimes): Listeners {
  const kind = boundedNames(mostKinds);
  const scheduleName = boundedNames(mostNames);
  const subscriberName = boundedNames(mostNames);
  const durations = durationLabels(kind);
  return {
    'job:enqueued': (data) => {
      const result = data.deduplicated ? 'deduplicated' : 'created';
      metrics.enqueued.inc({ job: kind(data.kind), result });
      metrics.notifications.inc({ result: notified(data.notified) });
    },
    'attempt:started': (data) => {
      const labels = { job: kind(data.kind) };
      metrics.sinceEnqueued.observe(labels, data.sinceEnqueuedMs / 1_000);
      metrics.sinceDue.observe(labels, data.sinceDueMs / 1_000);
    },
    'attempt:finished': (data) => {
      metrics.jobDuration.observe(durations(data), data.durationMs / 1_000);
      runTimes.add(data.queue, data.durationMs);
    },
    'attempt:result-dropped': (data) => metrics.resultsDropped.inc({ job: kind(data.kind) }),
    ...claimListeners(metrics),
    'settle:written': ({ jobs, durationMs }) => {
      metrics.written.inc(jobs);
      metrics.settleDuration.observe(durationMs / 1_000);
    },
    'settle:refused': (data) => metrics.refused.inc({ job: kind(data.kind) }),
    'settle:unknown': (data) => metrics.unknown.inc({ job: kind(data.kind) }),
    'settle:retried': () => metrics.retried.inc(),
    'job:rescued': (data) => metrics.rescued.inc({ job: kind(data.kind), status: data.state }),
    ...processListeners(metrics, runTimes),
    'schedule:fired': ({ schedule }) => metrics.fired.inc({ schedule: scheduleName(schedule) }),
    'schedule:skipped': ({ schedule }) => metrics.skipped.inc({ schedule: scheduleName(schedule) }),
    'schedule:failed': ({ schedule }) =>
      metrics.scheduleFailures.inc({ schedule: scheduleName(schedule) }),
    'events:dropped': ({ subscriber, events }) =>
      metrics.eventsDropped.inc({ subscriber: subscriberName(subscriber) }, events),
  };
}

function claimListeners({ claims, claimErrors, claimed, claimDuration }: Metrics) {
  return {
    'claim:taken': ({ jobs, durationMs }) => {
      claims.inc({ result: 'taken' });
      claimed.inc(jobs);
      claimDuration.observe(durationMs / 1_000);
    },
    'claim:empty': () => claims.inc({ result: 'empty' }),
    'claim:failed': ({ cause }) => {
      claims.inc({ result: 'failed' });
      claimErrors.inc({ cause });
    },
  } satisfies Listeners;
}

function processListeners(metrics: Metrics, runTimes: RunTimes): Listeners {
  const loopName = boundedNames(mostNames);
  const slots = new Map<number, number>();
  const recount = () => metrics.slots.set([...slots.values()].reduce((sum, n) => sum + n, 0));
  return {
    'worker:started': ({ worker, queues, concurrency }) => {
      slots.set(worker, concurrency);
      recount();
      runTimes.serve(queues, concurrency);
    },
    'worker:renewed': ({ from, worker, reason }) => {
      metrics.renewed.inc({ reason });
      slots.set(worker, slots.get(from) ?? 0);
      slots.delete(from);
    },
    'worker:stopped': ({ worker }) => {
      slots.delete(worker);
      recount();
    },
    'worker:died': ({ crashed }) => metrics.died.inc({ reason: crashed ? 'crashed' : 'silent' }),
    'worker:heartbeat-failed': () => metrics.heartbeatFailures.inc(),
    'worker:blocked': () => metrics.blocksOfOthers.inc(),
    'loop:blocked': ({ durationMs }) => {
      metrics.blocks.inc();
      metrics.blockedSeconds.inc(durationMs / 1_000);
    },
    'loop:failed': ({ loop }) => metrics.loopFailures.inc({ loop: loopName(loop) }),
    'listener:lost': () => {
      metrics.listenerLosses.inc();
      metrics.listening.set(0);
    },
    'listener:ready': () => metrics.listening.set(1),
  };
}

type DurationLabels = Record<'job' | 'status' | 'attempt' | 'exception', string>;

/** Made once for each combination; beyond the bound only status, attempt and whether it failed are told apart. */
function durationLabels(
  kind: (of: string) => string,
): (data: Events['attempt:finished']) => DurationLabels {
  const exceptionOf = boundedNames(mostExceptions);
  const known = new Map<string, DurationLabels>();
  return (data) => {
    const { state: status, exception } = data;
    const attempt = attemptLabel(data.attempt);
    const key = `${data.kind}\n${status}\n${attempt}\n${exception}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= mostDurations) {
      return { job: other, status, attempt, exception: exception === '' ? '' : other };
    }
    const labels = {
      job: kind(data.kind),
      status,
      attempt,
      exception: exception === '' ? '' : exceptionOf(exception),
    };
    known.set(key, labels);
    return labels;
  };
}

function notified(sent: boolean | null): string {
  if (sent === null) return 'unknown';
  return sent ? 'sent' : 'suppressed';
}

interface Measured {
  readonly metrics: () => Metrics;
  readonly sources: readonly TelemetrySource[];
  readonly runTimes: RunTimes;
  readonly targetDelayMs: number;
}

/** Gauges are asked for when a page is read; each asks for all, for it may be read alone. */
function collectorsOf(measured: Measured): Collectors {
  const { sources } = measured;
  const queue = boundedNames(mostNames);
  const kind = boundedNames(mostKinds);
  let asking: Promise<void> | undefined;
  const ask = async () => {
    const answers = await Promise.allSettled(sources.map((source) => source.backlog()));
    const metrics = measured.metrics();
    resetBacklog(metrics);
    for (const answer of answers) {
      if (answer.status === 'rejected') metrics.scrapeErrors.inc();
      else fillBacklog(measured, answer.value, queue, kind);
    }
    asking = undefined;
  };
  return {
    vitals: () => fillVitals(measured.metrics(), sources, kind),
    backlog: () => (asking ??= ask()),
  };
}

type Bound = (name: string) => string;

const nothingWaits = { jobs: 0, due: 0, oldestDueMs: null } as const;

function fillVitals(metrics: Metrics, sources: readonly TelemetrySource[], kind: Bound): void {
  const { running, inHand, unwritten, connections } = metrics;
  for (const gauge of [running, inHand, unwritten, connections]) gauge.reset();
  for (const source of sources) {
    const vitals = source.vitals();
    for (const [job, count] of vitals.running) running.inc({ job: kind(job) }, count);
    inHand.inc(vitals.inHand);
    unwritten.inc(vitals.unwritten);
    connections.inc({ of: 'engine' }, vitals.connections.engine);
    connections.inc({ of: 'pool' }, vitals.connections.pool);
  }
}

function resetBacklog(metrics: Metrics): void {
  const { queueJobs, queueDue, queueOldest, unserved, workersWanted } = metrics;
  for (const gauge of [queueJobs, queueDue, queueOldest, unserved, workersWanted]) gauge.reset();
}

/** Queues that are served here and hold nothing say so: a series that is missing wakes nobody and scales nothing. */
function fillBacklog(
  { metrics: of, runTimes, targetDelayMs }: Measured,
  { queues, unserved }: Backlog,
  queue: Bound,
  kind: Bound,
): void {
  const metrics = of();
  const oldest = new Map<string, number>();
  const empty = Array.from(runTimes.served(), (name) => ({ queue: name, ...nothingWaits }));
  for (const each of [...queues, ...empty]) {
    const label = queue(each.queue);
    metrics.queueJobs.inc({ queue: label }, each.jobs);
    metrics.queueDue.inc({ queue: label }, each.due);
    oldest.set(label, Math.max(oldest.get(label) ?? 0, each.oldestDueMs ?? 0));
    const wanted = runTimes.workersWanted(each.queue, each.due, targetDelayMs);
    if (wanted !== undefined) metrics.workersWanted.inc({ queue: label }, wanted);
  }
  for (const [label, ms] of oldest) metrics.queueOldest.set({ queue: label }, ms / 1_000);
  for (const each of unserved)
    metrics.unserved.inc({ job: kind(each.kind), queue: queue(each.queue) }, each.jobs);
}
