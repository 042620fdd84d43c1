import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { plainJob, type Scenario } from '../bench.ts';
import { pairs } from '../fleet.ts';
import { latencies, nowMs, quantile } from '../numbers.ts';
import type { Producer } from '../peer.ts';
import { everyMs } from './pace.ts';

const openMs = [10, 100, 300, 700, 1_000];
const intervalMs = 5;

interface LateSizes extends Record<string, number> {
  readonly seconds: number;
  /** Jobs that are enqueued before are not in the figures. */
  readonly warmUpSeconds: number;
}

/** What the producers have done; the index of an array is the `i` of the job. */
interface Ledger {
  readonly askedMs: number[];
  readonly committedMs: number[];
  /** How long the transaction was open; 0 for ordinary jobs. */
  readonly openMs: number[];
  next: number;
}

export const scenario = {
  about:
    'From commit to the start of the handler on a busy lane: p1 and p8 producers enqueue a job each 5 ms, and beside ' +
    'each one transactions enqueue that stay open for 10 to 1,000 ms.',
  sizes: { seconds: 30, warmUpSeconds: 3 },
  quick: { seconds: 3, warmUpSeconds: 0 },
  variants: ['p1', 'p8'],
  charts: ['p8.ordinary_p99_ms', 'p8.late_700_ms_p99_ms', 'p8.late_1000_ms_p99_ms'],
  async run(bench, { seconds, warmUpSeconds }, variant) {
    const producers = Number(variant.slice(1));
    const connections = producers * (openMs.length + 1);
    await using producer = await bench.producer({ connections: 2 * producers });
    await using fleet = await bench.fleet({ record: true });
    await using stack = new AsyncDisposableStack();
    const pool = new pg.Pool({ connectionString: bench.place.url, max: connections });
    stack.defer(() => pool.end());
    fleet.go();
    await fleet.working();
    const ledger: Ledger = { askedMs: [], committedMs: [], openMs: [], next: 0 };
    const beganMs = nowMs();
    const meter = await bench.meter();
    await Promise.all(
      Array.from({ length: producers }, () => produce(pool, producer, ledger, seconds * 1000)),
    );
    const jobs = ledger.next;
    await fleet.haveEnded(jobs);
    await bench.drained(producer);
    const workerSeconds = await fleet.cpuSeconds();
    const costs = await meter.costs(jobs, { workerSeconds, producing: true });
    const starts = (await fleet.reports()).flatMap((report) => pairs(report.starts));
    const distinct = new Set(starts.map(([i]) => i)).size;
    return {
      ...waits(ledger, starts, beganMs + warmUpSeconds * 1000),
      lost_jobs: jobs - distinct,
      twice_jobs: starts.length - distinct,
      ...costs,
    };
  },
} satisfies Scenario<LateSizes>;

async function produce(
  pool: pg.Pool,
  producer: Producer,
  ledger: Ledger,
  durationMs: number,
): Promise<void> {
  const untilMs = nowMs() + durationMs;
  const ordinary = everyMs(intervalMs, durationMs / intervalMs, async () => {
    const i = ledger.next++;
    ledger.openMs[i] = 0;
    ledger.askedMs[i] = nowMs();
    await producer.enqueue(plainJob(i));
    ledger.committedMs[i] = nowMs();
  });
  const late = openMs.map(async (ms) => {
    while (nowMs() < untilMs) await lateCommit(pool, producer, ledger, ms);
  });
  await Promise.all([ordinary, ...late]);
}

async function lateCommit(
  pool: pg.Pool,
  { enqueueIn }: Producer,
  ledger: Ledger,
  ms: number,
): Promise<void> {
  const i = ledger.next++;
  ledger.openMs[i] = ms;
  ledger.askedMs[i] = nowMs();
  const client = await pool.connect();
  await client.query('BEGIN');
  await enqueueIn?.(client, plainJob(i));
  await sleep(ms);
  await client.query('COMMIT');
  ledger.committedMs[i] = nowMs();
  client.release();
}

/** A job may start before its producer hears of the commit: that counts as no wait. */
function waits(
  ledger: Ledger,
  starts: readonly (readonly [number, number])[],
  fromMs: number,
): Record<string, number> {
  const of = (ms: number) =>
    starts.filter(([i]) => ledger.openMs[i] === ms && (ledger.askedMs[i] ?? 0) >= fromMs);
  const waited = (ms: number) =>
    of(ms).map(([i, atMs]) => Math.max(0, atMs - (ledger.committedMs[i] ?? Number.NaN)));
  const calls = of(0).map(([i]) => (ledger.committedMs[i] ?? 0) - (ledger.askedMs[i] ?? 0));
  const late = openMs.flatMap((ms) => {
    const figures = waited(ms);
    return [
      [`late_${ms}_ms_p99_ms`, quantile(figures, 0.99)],
      [`late_${ms}_ms_max_ms`, quantile(figures, 1)],
    ] as const;
  });
  return {
    ...latencies(calls, 'ordinary_call_'),
    ...latencies(waited(0), 'ordinary_'),
    ...Object.fromEntries(late),
  };
}
