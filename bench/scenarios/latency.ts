import { plainJob, type Scenario } from '../bench.ts';
import { pairs } from '../fleet.ts';
import { latencies, nowMs } from '../numbers.ts';
import { everyMs } from './pace.ts';

const warmUp = 100;
const intervals = { every2ms: 2, every20ms: 20 } as const;

export const scenario = {
  about:
    'An idle worker; from the start of the enqueue call to the start of the handler. One job each 2 or 20 ms.',
  sizes: { jobs: 5_000 },
  quick: { jobs: 100 },
  variants: Object.keys(intervals),
  charts: ['every2ms.p50_ms', 'every2ms.p99_ms', 'every20ms.p50_ms', 'every20ms.p99_ms'],
  async run(bench, { jobs }, variant) {
    const intervalMs = intervals[variant as keyof typeof intervals];
    await using producer = await bench.producer();
    await using fleet = await bench.fleet({ record: true });
    fleet.go();
    await fleet.working();
    const enqueued: number[] = [];
    const enqueue = (i: number) => {
      enqueued[i] = nowMs();
      return producer.enqueue(plainJob(i));
    };
    await everyMs(20, warmUp, enqueue);
    await fleet.haveEnded(warmUp);
    const meter = await bench.meter();
    const cpuBefore = await fleet.cpuSeconds();
    await everyMs(intervalMs, jobs, (at) => enqueue(warmUp + at));
    await fleet.haveEnded(warmUp + jobs);
    const workerSeconds = (await fleet.cpuSeconds()) - cpuBefore;
    const costs = await meter.costs(jobs, { workerSeconds });
    const starts = (await fleet.reports()).flatMap((report) => pairs(report.starts));
    const waited = starts
      .filter(([i]) => i >= warmUp)
      .map(([i, startedMs]) => startedMs - (enqueued[i] ?? Number.NaN));
    return { ...latencies(waited), ...costs };
  },
} satisfies Scenario<{ jobs: number }>;
