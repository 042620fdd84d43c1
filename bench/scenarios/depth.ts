import { plainJob, type Bench, type Scenario } from '../bench.ts';
import type { Producer } from '../peer.ts';
import { rates } from './drain.ts';

interface DepthSizes extends Record<string, number> {
  /** How many of the jobs are timed. */
  readonly jobs: number;
  readonly deep: number;
  readonly foreign: number;
}

const hourMs = 3_600_000;

export const scenario = {
  about:
    'The first jobs of a deep queue, one process. plain: nothing else waits; ready: the rest of a million waits behind ' +
    'them; scheduled: a million that are not due; foreign: 300,000 ahead of them of a kind that nobody here serves.',
  sizes: { jobs: 100_000, deep: 1_000_000, foreign: 300_000 },
  quick: { jobs: 1_000, deep: 3_000, foreign: 1_000 },
  variants: ['plain', 'ready', 'scheduled', 'foreign'],
  charts: ['plain.jobs_per_s', 'ready.jobs_per_s', 'scheduled.jobs_per_s', 'foreign.jobs_per_s'],
  async run(bench, sizes, variant) {
    const jobs = bench.fair(sizes.jobs);
    await using producer = await bench.producer();
    await load(bench, producer, { ...sizes, jobs }, variant);
    await bench.store.database?.settle();
    await using fleet = await bench.fleet({ target: jobs });
    const meter = await bench.meter();
    fleet.go();
    await fleet.haveEnded(jobs);
    const workerSeconds = await fleet.cpuSeconds();
    const costs = await meter.costs(jobs, { workerSeconds });
    const reports = await fleet.reports();
    return { ...rates(jobs, reports[0]?.targetMs ?? Number.NaN, reports), ...costs };
  },
} satisfies Scenario<DepthSizes>;

async function load(
  bench: Bench,
  producer: Producer,
  { jobs, deep, foreign }: DepthSizes,
  variant: string,
): Promise<void> {
  if (variant === 'foreign') {
    await bench.load(producer, foreign, (i) => ({ ...plainJob(i), foreign: true }));
  }
  if (variant === 'scheduled') {
    await bench.load(producer, deep, (i) => ({ ...plainJob(i), delayMs: hourMs }));
  }
  await bench.load(producer, variant === 'ready' ? deep : jobs);
}
