import type { MetricJson, Sample } from './metric.ts';

/** As much of a registry as Millrace uses: one of its own, or a `Registry` of prom-client. */
export interface MetricRegistry {
  readonly contentType: string;
  registerMetric(metric: never): void;
  getMetricsAsArray(): readonly { readonly name: string; readonly type: unknown }[];
  getSingleMetric(name: string): { get(): Promise<unknown> } | undefined;
  getMetricsAsJSON(): Promise<readonly unknown[]>;
  metrics(): Promise<string>;
}

interface Readable {
  readonly name: string;
  readonly type: string;
  get(): Promise<MetricJson>;
}

/** The registry of those who have none. */
export class Registry implements MetricRegistry {
  static readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly contentType = Registry.contentType;
  readonly #metrics = new Map<string, Readable>();

  registerMetric(metric: Readable): void {
    this.#metrics.set(metric.name, metric);
  }

  getMetricsAsArray(): readonly Readable[] {
    return [...this.#metrics.values()];
  }

  getSingleMetric(name: string): Readable | undefined {
    return this.#metrics.get(name);
  }

  getMetricsAsJSON(): Promise<MetricJson[]> {
    return Promise.all(this.getMetricsAsArray().map((metric) => metric.get()));
  }

  async metrics(): Promise<string> {
    return pageOf(await this.getMetricsAsJSON());
  }
}

/** The page that Prometheus reads. */
export function pageOf(metrics: readonly MetricJson[]): string {
  const parts = metrics.map(({ name, help, type, values }) =>
    [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`, ...values.map(lineIn(name))].join(
      '\n',
    ),
  );
  return `${parts.join('\n\n')}\n`;
}

const lineIn =
  (metric: string) =>
  ({ metricName = metric, labels, value }: Sample): string => {
    const pairs = Object.entries(labels).map(([label, of]) => `${label}="${quoted(String(of))}"`);
    const braces = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
    return `${metricName}${braces} ${Number.isFinite(value) ? value : infinite(value)}`;
  };

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const quoted = (text: string) => escaped(text).replaceAll('"', '\\"');

function infinite(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value < 0 ? '-Inf' : '+Inf';
}

/** What prom-client knows, too; `omit` is what is missing here. */
const aggregators: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum,
  average: (values) => sum(values) / values.length,
  first: ([value = 0]) => value,
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
};

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

const orderless = (labels: Sample['labels']) =>
  Object.entries(labels)
    .map((pair) => JSON.stringify(pair))
    .toSorted()
    .join();

/** Makes one page's metrics of those of several processes. */
export function aggregate(processes: readonly (readonly MetricJson[])[]): MetricJson[] {
  const byName = Map.groupBy(processes.flat(), ({ name }) => name);
  return [...byName.values()].flatMap((metrics) => {
    const together = aggregators[metrics[0]?.aggregator ?? 'sum'];
    if (together === undefined) return [];
    const bySeries = Map.groupBy(
      metrics.flatMap(({ values }) => values),
      ({ metricName = '', labels }) => metricName + orderless(labels),
    );
    const values = [...bySeries.values()].flatMap((samples) => {
      const value = together(samples.map((sample) => sample.value));
      return samples.slice(0, 1).map((sample) => ({ ...sample, value }));
    });
    return metrics.slice(0, 1).map((metric) => ({ ...metric, values }));
  });
}
