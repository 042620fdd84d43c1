import { randomBytes } from 'node:crypto';
import type { Scenario } from '../bench.ts';
import { drain } from './drain.ts';

const kilobytes = { '10kB': 10, '100kB': 100 } as const;

export const scenario = {
  about:
    'Payloads of 10 and 100 kB that do not compress: the bulk API, then a drain with one process.',
  sizes: { megabytes: 100 },
  quick: { megabytes: 2 },
  variants: Object.keys(kilobytes),
  charts: ['10kB.jobs_per_s', '100kB.jobs_per_s'],
  async run(bench, { megabytes }, variant) {
    const size = kilobytes[variant as keyof typeof kilobytes];
    const jobs = bench.fair((megabytes * 1000) / size);
    const data = randomBytes(size * 750).toString('base64');
    await using producer = await bench.producer();
    await using fleet = await bench.fleet();
    const meter = await bench.meter();
    await bench.load(producer, jobs, (i) => ({ payload: { i, data } }));
    const inserts = jobs / meter.seconds;
    return { inserts_per_s: inserts, ...(await drain(bench, fleet, producer, jobs)) };
  },
} satisfies Scenario<{ megabytes: number }>;
