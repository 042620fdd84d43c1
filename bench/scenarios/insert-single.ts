import pg from 'pg';
import { plainJob, type Bench, type Scenario } from '../bench.ts';
import { latencies, nowMs } from '../numbers.ts';
import type { Producer } from '../peer.ts';

const inFlight = 10;
const warmUp = 500;

export const scenario = {
  about:
    'One job for each call, 10 calls in flight; nobody works. own: on the connections of the peer. tx: in a transaction ' +
    'of an application that also writes a row of its own.',
  sizes: { jobs: 10_000 },
  quick: { jobs: 300 },
  variants: ['own', 'tx'],
  charts: ['own.jobs_per_s', 'tx.jobs_per_s'],
  async run(bench, { jobs }, variant) {
    await using producer = await bench.producer({ connections: inFlight, wake: false });
    await using stack = new AsyncDisposableStack();
    const enqueue =
      variant === 'own'
        ? (i: number) => producer.enqueue(plainJob(i))
        : await application(bench, producer, stack);
    await inParallel(Math.min(warmUp, jobs), enqueue);
    const meter = await bench.meter();
    const took = await inParallel(jobs, enqueue);
    const { seconds } = meter;
    return {
      jobs_per_s: jobs / seconds,
      ...latencies(took),
      ...(await meter.costs(jobs, { producing: true })),
    };
  },
} satisfies Scenario<{ jobs: number }>;

/** Calls `enqueue` so many times; how long each took. */
async function inParallel(jobs: number, enqueue: (i: number) => Promise<void>): Promise<number[]> {
  const took: number[] = [];
  let next = 0;
  const caller = async () => {
    while (next < jobs) {
      const i = next++;
      const beganMs = nowMs();
      await enqueue(i);
      took.push(nowMs() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return took;
}

async function application(
  { place }: Bench,
  { enqueueIn }: Producer,
  stack: AsyncDisposableStack,
): Promise<(i: number) => Promise<void>> {
  if (enqueueIn === undefined) throw new Error('This peer cannot enqueue in a transaction.');
  const pool = new pg.Pool({ connectionString: place.url, max: inFlight });
  stack.defer(() => pool.end());
  await pool.query('CREATE TABLE public.application (i int NOT NULL)');
  return async (i) => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO public.application VALUES ($1)', [i]);
    await enqueueIn(client, plainJob(i));
    await client.query('COMMIT');
    client.release();
  };
}
