/** What drains have in common: jobs lie ready, and processes that have loaded their code are set to work. */
import type { Bench, Metrics } from '../bench.ts';
import type { Fleet, Report } from '../fleet.ts';
import type { Producer } from '../peer.ts';

/** Runs `jobs` jobs to their recorded end. */
export async function drain(
  bench: Bench,
  fleet: Fleet,
  producer: Producer,
  jobs: number,
): Promise<Metrics> {
  await bench.store.database?.settle();
  const meter = await bench.meter();
  fleet.go();
  await fleet.haveEnded(jobs);
  const endMs = await bench.drained(producer);
  const workerSeconds = await fleet.cpuSeconds();
  const costs = await meter.costs(jobs, { workerSeconds });
  return { ...rates(jobs, endMs, await fleet.reports()), ...costs };
}

/**
 * Two clocks. The first starts at the first handler, so that a batched peer's first claim is not in it; `_low` starts
 * before anything is connected. The truth lies between.
 */
export function rates(jobs: number, endMs: number, reports: readonly Report[]): Metrics {
  const first = Math.min(
    ...reports.filter((each) => each.started > 0).map((each) => each.firstStartMs),
  );
  const began = Math.min(...reports.map(({ beganMs }) => beganMs));
  return {
    jobs_per_s: (jobs / (endMs - first)) * 1000,
    jobs_per_s_low: (jobs / (endMs - began)) * 1000,
  };
}
