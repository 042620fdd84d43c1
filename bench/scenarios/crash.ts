import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../bench.ts';
import { pairs } from '../fleet.ts';
import { nowMs } from '../numbers.ts';

const jobs = 10;

export const scenario = {
  about:
    'From kill -9 of the process that runs ten jobs to their start in another, which was there before.',
  sizes: { calmMs: 5_000, longestMs: 120_000 },
  quick: { calmMs: 2_000, longestMs: 20_000 },
  irregular: true,
  charts: ['last_restart_s'],
  async run(bench, { calmMs, longestMs }) {
    await using producer = await bench.producer();
    await using victim = await bench.fleet({ behaviour: 'hang', record: true });
    await using heir = await bench.fleet({ record: true });
    victim.go();
    await bench.load(producer, jobs);
    const startedBefore = async () => (await victim.reports())[0]?.started ?? 0;
    while ((await startedBefore()) < jobs) await sleep(50);
    heir.go();
    await heir.working();
    await sleep(calmMs);
    const killedMs = nowMs();
    await victim.kill();
    const isOver = () => nowMs() - killedMs > longestMs;
    while (heir.ended < jobs && !isOver()) await sleep(10);
    const starts = (await heir.reports()).flatMap((report) => pairs(report.starts));
    const waited = starts.map(([, startedMs]) => (startedMs - killedMs) / 1000);
    return isOver()
      ? { not_restarted_after_s: longestMs / 1000 }
      : { first_restart_s: Math.min(...waited), last_restart_s: Math.max(...waited) };
  },
} satisfies Scenario<{ calmMs: number; longestMs: number }>;
