import * as promClient from 'prom-client';
import { describe, expect, it } from 'vitest';
import { aggregate, pageOf, Registry, type MetricRegistry } from './metric-registry.ts';
import { Counter, Gauge, Histogram, type MetricJson } from './metric.ts';

type Kit = {
  readonly Counter: typeof Counter;
  readonly Gauge: typeof Gauge;
  readonly Histogram: typeof Histogram;
};

/** One of each, with and without labels, made by us or by prom-client, which names and calls them the same. */
function fill(kit: Kit, registry: MetricRegistry, { aggregator }: { aggregator: 'max' | 'sum' }) {
  const options = { help: 'Line one\nand a \\.', registers: [] };
  const counter = new kit.Counter({ ...options, name: 'jobs_total', labelNames: ['job', 'of'] });
  const plain = new kit.Counter({ ...options, name: 'plain_total' });
  const gauge = new kit.Gauge({ ...options, name: 'depth', labelNames: ['queue'], aggregator });
  const time = new kit.Histogram({
    ...options,
    name: 'time',
    buckets: [0.1, 1],
    labelNames: ['job'],
  });
  const none = new kit.Histogram({ ...options, name: 'none', buckets: [1] });
  const collected: InstanceType<typeof kit.Gauge> = new kit.Gauge({
    ...options,
    name: 'now',
    collect: () => collected.set(Number.POSITIVE_INFINITY),
  });
  for (const metric of [counter, plain, gauge, time, none, collected])
    registry.registerMetric(metric as never);
  counter.inc({ job: 'a "quoted" \\ name\n', of: 'x' });
  counter.inc({ job: 'b', of: '' }, 2.5);
  gauge.set({ queue: 'mail' }, 7);
  gauge.reset();
  gauge.inc({ queue: 'mail' }, 3);
  for (const value of [0.05, 0.1, 0.5, 4]) time.observe({ job: 'b' }, value);
}

function registryOf(kit: Kit, registry: MetricRegistry, aggregator: 'max' | 'sum' = 'max') {
  fill(kit, registry, { aggregator });
  return registry;
}

const ours: Kit = { Counter, Gauge, Histogram };
const theirs = promClient as unknown as Kit;
const jsonOf = async (registry: MetricRegistry) =>
  (await registry.getMetricsAsJSON()) as readonly MetricJson[];

describe('metrics without prom-client', () => {
  it('make the very page that prom-client makes, whose registry takes them as its own', async () => {
    const expected = await registryOf(theirs, new promClient.Registry()).metrics();
    expect(await registryOf(ours, new Registry()).metrics()).toBe(expected);
    expect(await registryOf(ours, new promClient.Registry()).metrics()).toBe(expected);
  });

  it('of several processes make the page that prom-client makes of them', async () => {
    for (const aggregator of ['max', 'sum'] as const) {
      const all = [
        await jsonOf(registryOf(ours, new Registry(), aggregator)),
        await jsonOf(registryOf(theirs, new promClient.Registry(), aggregator)),
      ];
      const expected = await promClient.AggregatorRegistry.aggregate(
        structuredClone(all),
      ).metrics();
      expect(pageOf(aggregate(all))).toBe(expected);
    }
  });

  it('an application has others, too, which are put together as prom-client does', async () => {
    const metric = (aggregator: string, value: number): MetricJson => ({
      name: `app_${aggregator}`,
      help: '',
      type: 'gauge',
      values: [{ labels: {}, value }],
      aggregator,
    });
    const all = [1, 4].map((value) =>
      ['average', 'first', 'min', 'max', 'omit'].map((aggregator) => metric(aggregator, value)),
    );
    const expected = await promClient.AggregatorRegistry.aggregate(structuredClone(all)).metrics();
    expect(pageOf(aggregate(all))).toBe(expected);
  });
});
