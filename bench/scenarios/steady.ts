import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from '../bench.ts';
import { plainJob } from '../bench.ts';
import { median } from '../numbers.ts';

const intervalMs = 50;
const windows = 10;
const megabyte = 1e6;

export const scenario = {
  about:
    'Ten minutes at full speed with autovacuum as it is: one process works, and so many jobs always wait. first, last: ' +
    'of the first and the last minute.',
  sizes: { seconds: 600, backlog: 20_000 },
  quick: { seconds: 3, backlog: 500 },
  charts: ['jobs_per_s', 'last_ratio', 'table_mb'],
  async run(bench, { seconds, backlog }) {
    const { database, peer } = { ...bench.store, peer: bench.peer };
    await using producer = await bench.producer();
    await using fleet = await bench.fleet();
    fleet.go();
    await fleet.working();
    const meter = await bench.meter();
    let enqueued = 0;
    const ends: { readonly seconds: number; readonly jobs: number }[] = [];
    while (meter.seconds < seconds) {
      const missing = backlog - (enqueued - fleet.ended);
      await bench.load(producer, missing, (i) => plainJob(enqueued + i));
      enqueued += missing;
      ends.push({ seconds: meter.seconds, jobs: fleet.ended });
      await sleep(intervalMs);
    }
    const sizes =
      database === undefined || peer.table === undefined
        ? undefined
        : await database.sizes(peer.table);
    await fleet.haveEnded(enqueued);
    await bench.drained(producer);
    const workerSeconds = await fleet.cpuSeconds();
    const costs = await meter.costs(enqueued, { workerSeconds, producing: true });
    const jobsAt = (share: number) =>
      ends.findLast((end) => end.seconds <= share * seconds)?.jobs ?? 0;
    const rates = Array.from(
      { length: windows },
      (_, at) => (jobsAt((at + 1) / windows) - jobsAt(at / windows)) / (seconds / windows),
    );
    const [first = Number.NaN, last = Number.NaN] = [rates[0], rates.at(-1)];
    return {
      jobs_per_s: median(rates),
      first_jobs_per_s: first,
      last_jobs_per_s: last,
      last_ratio: last / first,
      table_mb: (sizes?.tableBytes ?? Number.NaN) / megabyte,
      database_mb: (sizes?.allBytes ?? Number.NaN) / megabyte,
      dead_rows: sizes?.deadRows ?? Number.NaN,
      ...costs,
    };
  },
} satisfies Scenario<{ seconds: number; backlog: number }>;
