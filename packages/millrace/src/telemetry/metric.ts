/**
 * Counters, gauges and histograms as registries of prom-client read them, without prom-client: with what it needs for
 * summaries, which Millrace has none of, it would be more than half of an installation.
 */
export interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Where it differs from the metric's: the parts of a histogram. */
  readonly metricName?: string;
}

/** What a metric is at one moment. Metrics of an application may be of other types and have other aggregators. */
export interface MetricJson {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
  /** What becomes of equal series of several processes. Default `sum`. */
  readonly aggregator?: string | undefined;
}

interface MetricOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
  readonly aggregator?: 'sum' | 'min' | 'max';
  /** Called before it is read. */
  readonly collect?: () => void | Promise<void>;
}

type Labels<Label extends string> = Readonly<Record<Label, string>>;

abstract class Metric<Label extends string, Cell> {
  readonly name: string;
  readonly help: string;
  readonly aggregator: string;
  abstract readonly type: 'counter' | 'gauge' | 'histogram';
  readonly #labelNames: readonly Label[];
  readonly #collect: () => void | Promise<void>;
  readonly #series = new Map<string, { readonly labels: Sample['labels']; readonly cell: Cell }>();

  constructor({ name, help, labelNames = [], aggregator = 'sum', collect }: MetricOptions<Label>) {
    this.name = name;
    this.help = help;
    this.aggregator = aggregator;
    this.#labelNames = labelNames;
    this.#collect = collect ?? (() => {});
  }

  protected abstract empty(): Cell;
  protected abstract samples(cell: Cell, labels: Sample['labels']): readonly Sample[];

  protected cell(labels?: Partial<Labels<Label>>): Cell {
    const values = this.#labelNames.map((name) => labels?.[name] ?? '');
    const key = values.join('\0');
    const known = this.#series.get(key);
    if (known !== undefined) return known.cell;
    const cell = this.empty();
    const named = this.#labelNames.map((name, index) => [name, values[index] ?? ''] as const);
    this.#series.set(key, { labels: Object.fromEntries(named), cell });
    return cell;
  }

  /** Forgets every series. */
  reset(): void {
    this.#series.clear();
  }

  async get(): Promise<MetricJson> {
    await this.#collect();
    // What has no labels is there from the beginning, with nothing counted.
    if (this.#labelNames.length === 0) this.cell();
    const { name, help, type, aggregator } = this;
    const all = [...this.#series.values()];
    const values = all.flatMap(({ cell, labels }) => this.samples(cell, labels));
    return { name, help, type, aggregator, values };
  }
}

abstract class Value<Label extends string> extends Metric<Label, { value: number }> {
  inc(...[first, by = 1]: [by?: number] | [labels: Labels<Label>, by?: number]): void {
    if (typeof first === 'object') this.cell(first).value += by;
    else this.cell().value += first ?? 1;
  }

  protected empty() {
    return { value: 0 };
  }

  protected samples({ value }: { value: number }, labels: Sample['labels']) {
    return [{ value, labels }];
  }
}

/** Only grows. */
export class Counter<Label extends string = never> extends Value<Label> {
  readonly type = 'counter';
}

/** Goes up and down. */
export class Gauge<Label extends string = never> extends Value<Label> {
  readonly type = 'gauge';

  set(...args: [value: number] | [labels: Labels<Label>, value: number]): void {
    const [labels, value] = args.length === 1 ? [undefined, args[0]] : args;
    this.cell(labels).value = value;
  }
}

interface Observed {
  /** For each bound what was at most that and more than the one before. */
  readonly within: number[];
  sum: number;
  count: number;
}

/** How often, and in what sizes. */
export class Histogram<Label extends string = never> extends Metric<Label, Observed> {
  readonly type = 'histogram';
  readonly #bounds: readonly number[];

  constructor({
    buckets,
    ...options
  }: MetricOptions<Label> & {
    /** Upper bounds, ascending. */
    readonly buckets: readonly number[];
  }) {
    super(options);
    this.#bounds = buckets;
  }

  observe(...args: [value: number] | [labels: Labels<Label>, value: number]): void {
    const [labels, value] = args.length === 1 ? [undefined, args[0]] : args;
    const cell = this.cell(labels);
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) cell.within[bucket] = (cell.within[bucket] ?? 0) + 1;
    cell.sum += value;
    cell.count += 1;
  }

  protected empty(): Observed {
    return { within: this.#bounds.map(() => 0), sum: 0, count: 0 };
  }

  protected samples({ within, sum, count }: Observed, labels: Sample['labels']) {
    let value = 0;
    const bucket = (le: number | string, to: number): Sample => ({
      metricName: `${this.name}_bucket`,
      labels: { le, ...labels },
      value: to,
    });
    return [
      ...this.#bounds.map((bound, index) => bucket(bound, (value += within[index] ?? 0))),
      bucket('+Inf', count),
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}
