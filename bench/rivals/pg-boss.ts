import { createHash } from 'node:crypto';
import pg from 'pg';
import { PgBoss, type JobInsert, type JobResult, type Queue } from 'pg-boss';
import { pieces, type Job, type Payload, type Peer, type Place } from '../peer.ts';
import { watchClaims } from './claim-times.ts';

const insertBatch = 10_000;
const batchSize = 2_000;
const foreignQueue = 'foreign';

/** Recovery as fast as it can be set. */
const quick = {
  queue: { heartbeatSeconds: 10 },
  instance: { superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 },
};

const isQuick = ({ config }: Place) => config === 'quick-recovery';

const queueOptions = (place: Place): Omit<Queue, 'name'> => ({
  partition: true,
  notify: true,
  retryLimit: 2,
  retryDelay: 0,
  ...(isQuick(place) && quick.queue),
});

async function start(place: Place, max = 10): Promise<PgBoss> {
  const boss = new PgBoss({
    connectionString: place.url,
    max,
    useListenNotify: true,
    ...(isQuick(place) && quick.instance),
  });
  boss.on('error', () => {});
  await boss.start();
  return boss;
}

/** Retried, delayed and recovered jobs are not notified of, and the poll is 30 s by default. */
const soonPoll = { pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5 };

export const peer: Peer = {
  configs: {
    best: {
      about:
        'partitioned queue with notify, useListenNotify, batchSize 2000, localConcurrency 2, burstWhenBatchFull; ' +
        'where jobs fail or are delayed also perJobResults and a poll of 0.5 s',
    },
    'quick-recovery': {
      about: 'best, with heartbeatSeconds 10, supervision and monitor each second, a poll of 0.5 s',
      only: ['crash'],
    },
  },
  store: 'postgres',
  table: 'pgboss.job',
  channel: `pgboss_${createHash('sha224').update('pgboss').digest('hex').slice(0, 24)}`,

  async prepare(place) {
    const boss = await start(place);
    for (const queue of [...place.queues, foreignQueue]) {
      await boss.createQueue(queue, queueOptions(place));
    }
    await boss.stop();
  },

  async produce(place, { connections }) {
    const [first] = place.queues;
    const boss = await start(place, connections);
    const looker = new pg.Client({ connectionString: place.url });
    await looker.connect();
    const queueOf = ({ queue, foreign }: Job) =>
      foreign === true ? foreignQueue : (queue ?? first);
    const optionsOf = ({ priority, delayMs }: Job): Omit<JobInsert, 'data'> => ({
      ...(priority !== undefined && { priority }),
      ...(delayMs !== undefined && { startAfter: new Date(Date.now() + delayMs) }),
    });
    return {
      async enqueueMany(jobs) {
        for (const [queue, its] of Map.groupBy(jobs, queueOf)) {
          for (const piece of pieces(its, insertBatch)) {
            await boss.insert(
              queue,
              piece.map((job) => ({ data: job.payload, ...optionsOf(job) })),
            );
          }
        }
      },
      async enqueue(job) {
        await boss.send(queueOf(job), job.payload, optionsOf(job));
      },
      async enqueueIn(client, job) {
        const db = {
          executeSql: (text: string, values?: unknown[]) => client.query(text, values),
        };
        await boss.send(queueOf(job), job.payload, { ...optionsOf(job), db });
      },
      async unfinished() {
        const { rows } = await looker.query<{ n: string }>(
          `SELECT count(*) AS n FROM pgboss.job WHERE state < 'completed'`,
        );
        return Number(rows[0]?.n);
      },
      async close() {
        await looker.end();
        await boss.stop({ graceful: false });
      },
    };
  },

  async work(place, handle, watch) {
    watchClaims(/SKIP LOCKED/, watch);
    const boss = await start(place);
    const options = {
      batchSize,
      localConcurrency: 2,
      burstWhenBatchFull: true,
      ...((place.irregular || isQuick(place)) && soonPoll),
    };
    for (const queue of place.queues) {
      await (place.irregular
        ? boss.work<Payload>(queue, { ...options, perJobResults: true }, (jobs) =>
            Promise.all(jobs.map(({ id, data }) => resultOf(id, () => handle(data)))),
          )
        : boss.work<Payload>(queue, options, async (jobs) => {
            await Promise.all(jobs.map(async ({ data }) => handle(data)));
          }));
    }
    return { stop: () => boss.stop({ timeout: 5_000 }) };
  },
};

async function resultOf(id: string, run: () => void | Promise<void>): Promise<JobResult> {
  try {
    await run();
    return { id, status: 'completed' };
  } catch (error) {
    const { name, message } = error as Error;
    return { id, status: 'failed', output: { name, message } };
  }
}
