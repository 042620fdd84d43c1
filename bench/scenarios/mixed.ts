import type { Scenario } from '../bench.ts';
import { pairs } from '../fleet.ts';
import { latencies, nowMs } from '../numbers.ts';
import type { Job } from '../peer.ts';
import { everyMs } from './pace.ts';

const queues = ['a', 'b', 'c', 'd', 'e'] as const;
const delayEvery = 10;
const delayMs = 500;
const intervalMs = 10;

export const scenario = {
  about:
    'Offered load on 5 queues with 5 priorities each: 10 % delayed by half a second, 5 % fail once, handlers of 0 to ' +
    '20 ms; from the due time to the first start.',
  sizes: { seconds: 20, jobsPerSecond: 500 },
  quick: { seconds: 2, jobsPerSecond: 200 },
  queues,
  irregular: true,
  charts: ['p50_ms', 'p99_ms', 'cpu_us_per_job'],
  async run(bench, { seconds, jobsPerSecond }) {
    await using producer = await bench.producer();
    await using fleet = await bench.fleet({ behaviour: 'mixed', record: true });
    fleet.go();
    await fleet.working();
    const due: number[] = [];
    const each = (jobsPerSecond * intervalMs) / 1000;
    const jobs = seconds * jobsPerSecond;
    const meter = await bench.meter();
    await everyMs(intervalMs, jobs / each, (at) => {
      const batch = Array.from({ length: each }, (_, place) => jobOf(at * each + place));
      for (const job of batch) due[job.payload.i] = nowMs() + (job.delayMs ?? 0);
      return producer.enqueueMany(batch);
    });
    await fleet.haveEnded(jobs);
    await bench.drained(producer);
    const workerSeconds = await fleet.cpuSeconds();
    const costs = await meter.costs(jobs, { workerSeconds, producing: true });
    const starts = (await fleet.reports()).flatMap((report) => pairs(report.starts));
    // The second attempts of those that fail come later in the list.
    const first = new Map(starts.toReversed());
    const late = [...first].map(([i, atMs]) => atMs - (due[i] ?? Number.NaN));
    return { ...latencies(late), ...costs };
  },
} satisfies Scenario<{ seconds: number; jobsPerSecond: number }>;

/** Which queue, priority and delay a job has does not depend on each other. */
function jobOf(i: number): Job {
  const queue = queues[i % queues.length] ?? queues[0];
  const priority = (Math.floor(i / queues.length) % 5) - 2;
  const isDelayed = Math.floor(i / (queues.length * 5)) % delayEvery === 0;
  return { payload: { i }, queue, priority, ...(isDelayed && { delayMs }) };
}
