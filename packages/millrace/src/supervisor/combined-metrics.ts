import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
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
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #last = new Map<Process, MetricsJson>();
  readonly #past: MetricsJson[] = [];
  #merging: Promise<void> = Promise.resolve();

  /** What a process counts now. */
  heard(process: Process, metrics: MetricsJson): void {
    this.#last.set(process, metrics);
  }

  /** It has ended: its counters stay as they were last heard, its gauges go. */
  ended(process: Process): void {
    const last = this.#last.get(process);
    if (last === undefined) return;
    this.#last.delete(process);
    this.#past.push(last.filter(({ type }) => isCount(type)));
    this.#merging = this.#merging.then(async () => {
      const taken = this.#past.slice();
      const merged = await AggregatorRegistry.aggregate(taken).getMetricsAsJSON();
      this.#past.splice(0, taken.length, merged);
    });
  }

  async page(counts: ProcessCounts): Promise<string> {
    const all = [await ownMetrics(counts), ...this.#past, ...this.#last.values()];
    return AggregatorRegistry.aggregate(all).metrics();
  }
}

/** Only what adds up over time; asking a gauge may ask the database. */
export async function countsOf(registry: Registry): Promise<MetricsJson> {
  const counts = registry.getMetricsAsArray().filter(({ type }) => isCount(type));
  const metrics = counts.flatMap(({ name }) => registry.getSingleMetric(name) ?? []);
  return Promise.all(metrics.map((metric) => metric.get()));
}

/** The declarations of prom-client say numbers, its code says words. */
function isCount(type: MetricsJson[number]['type']): boolean {
  return ['counter', 'histogram'].includes(String(type));
}

function ownMetrics({ ready, restarts, replacements }: ProcessCounts): Promise<MetricsJson> {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  gauge('millrace_processes', 'Processes of the supervisor that are ready.').set(ready);
  counter(
    'millrace_process_restarts_total',
    'Processes started again because one had ended unasked.',
  ).inc(restarts);
  counter(
    'millrace_process_replacements_total',
    'Processes replaced by others that were ready before.',
  ).inc(replacements);
  return registry.getMetricsAsJSON();
}
