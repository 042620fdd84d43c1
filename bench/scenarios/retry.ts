import type { Scenario } from '../bench.ts';
import { drain } from './drain.ts';

export const scenario = {
  about:
    'Every job throws once and is tried again at once, its error stored; the time of both attempts.',
  sizes: { jobs: 20_000 },
  quick: { jobs: 500 },
  irregular: true,
  charts: ['jobs_per_s', 'cpu_us_per_job'],
  async run(bench, sizes) {
    const jobs = bench.fair(sizes.jobs);
    await using producer = await bench.producer();
    await using fleet = await bench.fleet({ behaviour: 'failOnce' });
    await bench.load(producer, jobs);
    return await drain(bench, fleet, producer, jobs);
  },
} satisfies Scenario<{ jobs: number }>;
