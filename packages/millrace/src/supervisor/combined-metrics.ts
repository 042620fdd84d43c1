import { Counter, Gauge } from '../telemetry/metric.ts';
import { aggregate, pageOf, Registry, type MetricRegistry } from '../telemetry/metric-registry.ts';
import type { MetricsJson } from './messages.ts';

/** What the supervisor knows of its own processes. */
export interface ProcessCounts {
  readonly ready: number;
  readonly restarts: number;
  readonly replacements: number;
}

/**
 * One page of what several processes count. What has ended still counts: a total that falls means to Prometheus that
 * everything has begun anew, and that all which is left has just happened.
 */
export class CombinedMetrics<Process> {
  readonly contentType = Registry.contentType;
  readonly #last = new Map<Process, MetricsJson>();
  #past: MetricsJson = [];

  /** What a process counts now. */
  heard(process: Process, metrics: MetricsJson): void {
    this.#last.set(process, metrics);
  }

  /** It has ended: its counters stay as they were last heard, its gauges go. */
  ended(process: Process): void {
    const last = this.#last.get(process);
    if (last === undefined) return;
    this.#last.delete(process);
    this.#past = aggregate([this.#past, last.filter(({ type }) => isCount(type))]);
  }

  async page(counts: ProcessCounts): Promise<string> {
    const all = [await ownMetrics(counts), this.#past, ...this.#last.values()];
    return pageOf(aggregate(all));
  }
}

/** Only what adds up over time; asking a gauge may ask the database. */
export async function countsOf(registry: MetricRegistry): Promise<MetricsJson> {
  const counts = registry.getMetricsAsArray().filter(({ type }) => isCount(type));
  const metrics = counts.flatMap(({ name }) => registry.getSingleMetric(name) ?? []);
  return Promise.all(metrics.map((metric) => metric.get())) as Promise<MetricsJson>;
}

/** The declarations of prom-client say numbers, its code says words. */
function isCount(type: unknown): boolean {
  return ['counter', 'histogram'].includes(String(type));
}

function ownMetrics({ ready, restarts, replacements }: ProcessCounts): Promise<MetricsJson> {
  const gauge = new Gauge({
    name: 'millrace_processes',
    help: 'Processes of the supervisor that are ready.',
  });
  gauge.set(ready);
  const counter = (name: string, help: string, by: number) => {
    const made = new Counter({ name, help });
    made.inc(by);
    return made;
  };
  const all = [
    gauge,
    counter(
      'millrace_process_restarts_total',
      'Processes started again because one had ended unasked.',
      restarts,
    ),
    counter(
      'millrace_process_replacements_total',
      'Processes replaced by others that were ready before.',
      replacements,
    ),
  ];
  return Promise.all(all.map((metric) => metric.get()));
}
