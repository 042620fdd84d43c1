/** From runs to figures: medians, ranges, and ratios to hand-written SQL in the same round. */
import type { Metrics } from './bench.ts';
import { median } from './numbers.ts';
import { reference, referenceConfig } from './peer.ts';

/** What one run of one configuration gave. Runs of the same round followed each other. */
export interface Measured {
  readonly peer: string;
  readonly config: string;
  readonly round: number;
  readonly metrics: Metrics;
}

export interface Figure {
  readonly peer: string;
  readonly config: string;
  readonly scenario: string;
  readonly metric: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

const digits = 4;
const notCompared = /calibration|other_cores|^backlog|ratio|_jobs$/;

/** The name of the figure that compares one with the reference. */
export const ratioName = (metric: string) => `${metric}/${reference}`;

export function figures(scenario: string, measured: readonly Measured[]): Figure[] {
  const base = new Map(
    measured
      .filter(({ peer, config }) => peer === reference && config === referenceConfig)
      .map(({ round, metrics }) => [round, metrics]),
  );
  const groups = Map.groupBy(measured, ({ peer, config }) => `${peer}\n${config}`);
  return [...groups].flatMap(([key, runs]) => {
    const [peer = '', config = ''] = key.split('\n');
    const names = [...new Set(runs.flatMap(({ metrics }) => Object.keys(metrics)))];
    const compared =
      peer === reference && config === referenceConfig
        ? []
        : names.filter((name) => !notCompared.test(name));
    const all = [
      ...names.map((name) => [name, runs.map(({ metrics }) => metrics[name])] as const),
      ...compared.map(
        (name) => [ratioName(name), runs.map((run) => ratio(run, base, name))] as const,
      ),
    ];
    return all.flatMap(([metric, values]) => {
      const known = values.filter((value): value is number => Number.isFinite(value));
      return known.length === 0 ? [] : [{ peer, config, scenario, metric, ...summary(known) }];
    });
  });
}

function ratio(
  { round, metrics }: Measured,
  base: ReadonlyMap<number, Metrics>,
  name: string,
): number {
  return (metrics[name] ?? Number.NaN) / (base.get(round)?.[name] ?? Number.NaN);
}

function summary(values: readonly number[]) {
  return {
    median: rounded(median(values)),
    min: rounded(Math.min(...values)),
    max: rounded(Math.max(...values)),
    runs: values.length,
  };
}

function rounded(value: number): number {
  return Math.abs(value) >= 10 ** digits ? Math.round(value) : Number(value.toPrecision(digits));
}

export const tableHead = ['metric', 'peer', 'median', 'range', 'runs', `× ${reference}`] as const;

/** The rows of a table: all peers of one metric beneath each other. */
export function tableRows(list: readonly Figure[]): string[][] {
  const byMetric = Map.groupBy(list, ({ metric }) => metric);
  const metrics = [...byMetric.keys()].filter((metric) => !metric.endsWith(`/${reference}`));
  return metrics.flatMap((metric) => {
    const compared = byMetric.get(ratioName(metric)) ?? [];
    return (byMetric.get(metric) ?? []).map((figure) => {
      const versus = compared.find(
        ({ peer, config }) => peer === figure.peer && config === figure.config,
      );
      return [
        metric,
        `${figure.peer}:${figure.config}`,
        shown(figure.median),
        range(figure),
        String(figure.runs),
        versus === undefined ? '' : `${shown(versus.median)} (${range(versus)})`,
      ];
    });
  });
}

/** A table whose columns are as wide as their longest entry. */
export function textTable(list: readonly Figure[]): string {
  const lines = [[...tableHead], ...tableRows(list)];
  const widths = tableHead.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map((line) =>
      widths
        .map((width, at) => (line[at] ?? '').padEnd(width))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function range({ min, max }: Figure): string {
  return `${shown(min)} … ${shown(max)}`;
}

function shown(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: digits });
}
