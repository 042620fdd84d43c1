import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { prometheus } from 'millrace/prometheus';

const repository = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(repository, path), 'utf8');

const metrics = await prometheus().json();
const names = new Set(metrics.map(({ name }) => name));
const histograms = metrics.filter(({ type }) => type === 'histogram').map(({ name }) => name);
const series = new Set([
  ...names,
  ...histograms.flatMap((name) => ['_bucket', '_sum', '_count'].map((end) => name + end)),
]);

it.each(['examples/telemetry/dashboard.json', 'examples/telemetry/alerts.yaml'])(
  '%s names only metrics that there are',
  (path) => {
    const named = new Set(read(path).match(/\bmillrace_\w+/g));
    expect(named.size).toBeGreaterThan(10);
    expect([...named].filter((name) => !series.has(name))).toEqual([]);
  },
);

it('docs/telemetry.md describes every metric, and no other', () => {
  const described = new Set(read('docs/telemetry.md').match(/(?<=`)millrace_\w+(?=`)/g));
  expect([...described].toSorted()).toEqual([...names].toSorted());
});

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
  }[];
}

it('every panel of the dashboard has an id of its own and something to show', () => {
  const { panels } = JSON.parse(read('examples/telemetry/dashboard.json')) as Dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { targets } of panels.filter(({ type }) => type !== 'row'))
    expect(targets?.length).toBeGreaterThan(0);
});
