import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../bench.ts';
import { slope } from '../numbers.ts';

interface MemorySizes extends Record<string, number> {
  readonly waiting: number;
  readonly seconds: number;
  /** The slope is taken after so long. */
  readonly warmUpSeconds: number;
}

const intervalMs = 1_000;
const mebibyte = 1024 * 1024;

export const scenario = {
  about:
    'Resident memory of one worker process with a million jobs waiting. paced: handlers that end 1,000 jobs a second; ' +
    'full: handlers that do nothing.',
  sizes: { waiting: 1_000_000, seconds: 300, warmUpSeconds: 120 },
  quick: { waiting: 5_000, seconds: 3, warmUpSeconds: 1 },
  variants: ['paced', 'full'],
  charts: ['paced.rss_max_mib', 'full.rss_max_mib'],
  async run(bench, { waiting, seconds, warmUpSeconds }, variant) {
    await using producer = await bench.producer();
    await bench.load(producer, waiting);
    await bench.store.database?.settle();
    await using fleet = await bench.fleet({ behaviour: variant === 'paced' ? 'paced' : 'noop' });
    const meter = await bench.meter();
    fleet.go();
    const points: (readonly [minute: number, mebibytes: number])[] = [];
    while (meter.seconds < seconds && fleet.ended < waiting) {
      await sleep(intervalMs);
      const [report] = await fleet.reports();
      points.push([meter.seconds / 60, (report?.rssBytes ?? Number.NaN) / mebibyte]);
    }
    const later = points.filter(([minute]) => minute * 60 > warmUpSeconds);
    return {
      jobs_per_s: fleet.ended / meter.seconds,
      rss_max_mib: Math.max(...points.map(([, mebibytes]) => mebibytes)),
      rss_slope_mib_per_min: later.length < 2 ? Number.NaN : slope(later),
    };
  },
} satisfies Scenario<MemorySizes>;
