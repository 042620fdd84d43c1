import { setTimeout as sleep } from 'node:timers/promises';
import { plainJob, type Bench, type Scenario } from '../bench.ts';
import { pairs, type Fleet } from '../fleet.ts';
import { nowMs, quantile } from '../numbers.ts';
import type { Producer } from '../peer.ts';

const wakes = 5;

export const scenario = {
  about:
    'One process with 20 queues and no job anywhere: what it asks the server, what it costs; then how soon it starts a ' +
    'job that is enqueued or falls due.',
  sizes: { calmMs: 40_000, seconds: 60 },
  quick: { calmMs: 2_000, seconds: 3 },
  queues: ['queue-0', ...Array.from({ length: 19 }, (_, at) => `queue-${at + 1}`)],
  charts: ['transactions_per_30_s', 'worker_cpu_percent'],
  async run(bench, { calmMs, seconds }) {
    await using producer = await bench.producer();
    await using fleet = await bench.fleet({ record: true });
    fleet.go();
    await fleet.working();
    await producer.enqueue(plainJob(0));
    await fleet.haveEnded(1);
    await sleep(calmMs);
    const transactions = async () => (await bench.store.database?.transactions()) ?? Number.NaN;
    const meter = await bench.meter();
    const before = await transactions();
    const cpuBefore = await fleet.cpuSeconds();
    await sleep(seconds * 1000);
    const percent = (cpuSeconds: number) => (cpuSeconds / seconds) * 100;
    return {
      transactions_per_30_s: ((await transactions()) - before) * (30 / seconds),
      worker_cpu_percent: percent((await fleet.cpuSeconds()) - cpuBefore),
      server_cpu_percent: percent(meter.serverSeconds),
      ...(await wakeUps(bench, fleet, producer, calmMs)),
    };
  },
} satisfies Scenario<{ calmMs: number; seconds: number }>;

async function wakeUps(
  { place }: Bench,
  fleet: Fleet,
  producer: Producer,
  calmMs: number,
): Promise<Record<string, number>> {
  const due: number[] = [];
  const enqueue = async (i: number, delayMs: number) => {
    due[i] = nowMs() + delayMs;
    const queue = place.queues[i % place.queues.length] ?? '';
    await producer.enqueue({ ...plainJob(i), queue, ...(delayMs > 0 && { delayMs }) });
    await fleet.haveEnded(i + 1);
    await sleep(calmMs / 10);
  };
  for (let i = 1; i <= wakes; i++) await enqueue(i, 0);
  await enqueue(wakes + 1, calmMs / 4);
  const starts = (await fleet.reports()).flatMap((report) => pairs(report.starts));
  const lateMs = starts.map(([i, atMs]) => atMs - (due[i] ?? Number.NaN));
  return {
    wake_p50_ms: quantile(lateMs.slice(1, 1 + wakes), 0.5),
    due_late_ms: lateMs.at(-1) ?? Number.NaN,
  };
}
