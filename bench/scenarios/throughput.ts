import type { Scenario } from '../bench.ts';
import { drain } from './drain.ts';

export const scenario = {
  about:
    'Jobs that lie ready, handlers that do nothing; p1, p2, p4: the number of worker processes.',
  sizes: { jobs: 300_000 },
  quick: { jobs: 2_000 },
  variants: ['p1', 'p2', 'p4'],
  charts: ['p1.jobs_per_s', 'p1.cpu_us_per_job'],
  async run(bench, sizes, variant) {
    const jobs = bench.fair(sizes.jobs);
    await using producer = await bench.producer();
    await using fleet = await bench.fleet({ processes: Number(variant.slice(1)) });
    await bench.load(producer, jobs);
    return await drain(bench, fleet, producer, jobs);
  },
} satisfies Scenario<{ jobs: number }>;
