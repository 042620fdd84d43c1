import type { Scenario } from '../bench.ts';
import { plainJob } from '../bench.ts';

const warmUp = 2_000;

export const scenario = {
  about:
    'Many small jobs through one call of the bulk API, validated where the peer validates; nobody works.',
  sizes: { jobs: 100_000 },
  quick: { jobs: 2_000 },
  charts: ['jobs_per_s'],
  async run(bench, { jobs }) {
    await using producer = await bench.producer();
    await bench.load(producer, Math.min(warmUp, jobs));
    const list = Array.from({ length: jobs }, (_, i) => plainJob(i));
    const meter = await bench.meter();
    await producer.enqueueMany(list);
    const { seconds } = meter;
    return { jobs_per_s: jobs / seconds, ...(await meter.costs(jobs, { producing: true })) };
  },
} satisfies Scenario<{ jobs: number }>;
