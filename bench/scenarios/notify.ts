import { plainJob, type Scenario } from '../bench.ts';
import { latencies, nowMs } from '../numbers.ts';

const writers = 64;

export const scenario = {
  about:
    '64 connections enqueue one job after the other beside 1, 4 or 8 worker processes (w1, w4, w8): notifications ' +
    'that the server sends, how often a worker without work got some, and how long an enqueue call takes.',
  sizes: { seconds: 10 },
  quick: { seconds: 1 },
  variants: ['w1', 'w4', 'w8'],
  charts: ['w4.notifications_per_1000_jobs', 'w4.enqueue_p99_ms'],
  async run(bench, { seconds }, variant) {
    const { database } = bench.store;
    if (database === undefined) throw new Error('Only PostgreSQL has notifications to count.');
    await using producer = await bench.producer({ connections: writers });
    await using fleet = await bench.fleet({ processes: Number(variant.slice(1)), watch: true });
    await using listener = await database.connect();
    let notifications = 0;
    listener.on('notification', () => {
      notifications += 1;
    });
    if (bench.peer.channel !== undefined) await listener.query(`LISTEN "${bench.peer.channel}"`);
    fleet.go();
    await fleet.working();
    let jobs = 0;
    const took: number[] = [];
    const meter = await bench.meter();
    const write = async () => {
      while (meter.seconds < seconds) {
        const beganMs = nowMs();
        await producer.enqueue(plainJob(jobs++));
        took.push(nowMs() - beganMs);
      }
    };
    await Promise.all(Array.from({ length: writers }, write));
    const inserts = jobs / meter.seconds;
    const counted = bench.peer.channel === undefined ? Number.NaN : notifications;
    await fleet.haveEnded(jobs);
    await bench.drained(producer);
    const workerSeconds = await fleet.cpuSeconds();
    const costs = await meter.costs(jobs, { workerSeconds, producing: true });
    const awoke = (await fleet.reports()).reduce((sum, report) => sum + report.awoke, 0);
    return {
      inserts_per_s: inserts,
      notifications: counted,
      notifications_per_1000_jobs: (counted / jobs) * 1000,
      awakenings: awoke > 0 ? awoke : Number.NaN,
      ...latencies(took, 'enqueue_'),
      ...costs,
    };
  },
} satisfies Scenario<{ seconds: number }>;
