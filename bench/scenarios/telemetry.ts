import type { Scenario } from '../bench.ts';
import { drain } from './drain.ts';

export const scenario = {
  about:
    'What telemetry costs: a drain by one process, handlers that do nothing, with nothing attached, each part, and all.',
  // Fewer would measure how long it takes V8 to compile it all.
  sizes: { jobs: 500_000 },
  quick: { jobs: 2_000 },
  peers: ['millrace', 'raw-update'],
  charts: ['cpu_us_per_job', 'client_cpu_us_per_job'],
  async run(bench, sizes) {
    await using producer = await bench.producer();
    await using fleet = await bench.fleet();
    await bench.load(producer, sizes.jobs);
    return await drain(bench, fleet, producer, sizes.jobs);
  },
} satisfies Scenario<{ jobs: number }>;
