import { plainJob, type Bench, type Metrics, type Scenario } from '../bench.ts';
import { pairs, type Fleet } from '../fleet.ts';
import { latencies, nowMs } from '../numbers.ts';
import type { Producer } from '../peer.ts';
import { everyMs } from './pace.ts';

interface SnapshotSizes extends Record<string, number> {
  readonly seconds: number;
  readonly jobsPerSecond: number;
  /** The length of the first and the last window that are compared. */
  readonly windowSeconds: number;
  readonly burst: number;
}

const intervalMs = 10;

export const scenario = {
  about:
    'A REPEATABLE READ snapshot is held open while one process works on 1,000 jobs a second for a minute, enqueued in ' +
    'groups of 10; then a burst. first, last: of the first and the last 15 s. burst_before: without a snapshot.',
  sizes: { seconds: 60, jobsPerSecond: 1_000, windowSeconds: 15, burst: 100_000 },
  quick: { seconds: 3, jobsPerSecond: 200, windowSeconds: 1, burst: 1_000 },
  charts: ['first_claim_p50_ms', 'last_claim_p50_ms', 'last_p99_ms', 'burst_ratio', 'server_cores'],
  async run(bench, sizes) {
    const { database } = bench.store;
    if (database === undefined) throw new Error('Only PostgreSQL has snapshots.');
    await using producer = await bench.producer();
    await using fleet = await bench.fleet({ record: true, watch: true });
    fleet.go();
    await fleet.working();
    const burst = bench.fair(sizes.burst);
    const before = await burstRate(bench, fleet, producer, burst, 0);
    await using holder = await database.connect();
    await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await holder.query('SELECT FROM pg_class LIMIT 1');
    const load = await offeredLoad(bench, fleet, producer, sizes, burst);
    const after = await burstRate(bench, fleet, producer, burst, fleet.ended);
    return {
      ...load,
      burst_before_jobs_per_s: before,
      burst_jobs_per_s: after,
      burst_ratio: after / before,
    };
  },
} satisfies Scenario<SnapshotSizes>;

/** Enqueues in bulk while the process works; from the call to the recorded end of all. */
async function burstRate(
  bench: Bench,
  fleet: Fleet,
  producer: Producer,
  jobs: number,
  from: number,
): Promise<number> {
  const beganMs = nowMs();
  await bench.load(producer, jobs, (i) => plainJob(from + i));
  await fleet.haveEnded(from + jobs);
  return (jobs / ((await bench.drained(producer)) - beganMs)) * 1000;
}

async function offeredLoad(
  bench: Bench,
  fleet: Fleet,
  producer: Producer,
  { seconds, jobsPerSecond, windowSeconds }: SnapshotSizes,
  from: number,
): Promise<Metrics> {
  const each = (jobsPerSecond * intervalMs) / 1000;
  const jobs = seconds * jobsPerSecond;
  const enqueued: number[] = [];
  const meter = await bench.meter();
  await everyMs(intervalMs, jobs / each, (at) => {
    const batch = Array.from({ length: each }, (_, place) => plainJob(from + at * each + place));
    for (const { payload } of batch) enqueued[payload.i] = nowMs();
    return producer.enqueueMany(batch);
  });
  const endMs = nowMs();
  const serverCores = meter.serverSeconds / meter.seconds;
  const backlog = from + jobs - fleet.ended;
  await fleet.haveEnded(from + jobs);
  await bench.drained(producer);
  const reports = await fleet.reports();
  const claims = reports.flatMap((report) => pairs(report.claims));
  const starts = reports.flatMap((report) => pairs(report.starts)).filter(([i]) => i >= from);
  const windows = {
    first_: [meter.beganMs, meter.beganMs + windowSeconds * 1000],
    last_: [endMs - windowSeconds * 1000, endMs],
  } as const;
  const figures = Object.entries(windows).map(([name, [fromMs, toMs]]) => {
    const claimsMs = claims.filter(([at]) => at >= fromMs && at < toMs).map(([, ms]) => ms);
    const waitedMs = starts
      .map(([i, atMs]) => [enqueued[i] ?? Number.NaN, atMs] as const)
      .filter(([at]) => at >= fromMs && at < toMs)
      .map(([at, atMs]) => atMs - at);
    return { ...latencies(claimsMs, `${name}claim_`), ...latencies(waitedMs, name) };
  });
  return Object.assign({ server_cores: serverCores, backlog_jobs: backlog }, ...figures) as Metrics;
}
