import {
  Logger,
  makeWorkerUtils,
  run,
  runMigrations,
  type AddJobsJobSpec,
  type RunnerOptions,
} from 'graphile-worker';
import pg from 'pg';
import { pieces, type Job, type Peer, type Place } from '../peer.ts';
import { watchClaims } from './claim-times.ts';

const insertBatch = 10_000;
const logger = new Logger(() => () => {});

/** Its own benchmark's preset, with the local queue that was fastest in a sweep. */
const best = {
  worker: {
    localQueue: { size: 2_000, refetchDelay: { durationMs: 10 } },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};

export const peer: Peer = {
  configs: {
    default: { about: 'concurrency 10, no local queue, no batching', slow: true },
    best: {
      about:
        'concurrency 10, localQueue.size 2000, refetchDelay 10 ms, completeJobBatchDelay and failJobBatchDelay 0',
    },
  },
  store: 'postgres',
  table: 'graphile_worker._private_jobs',
  channel: 'jobs:insert',

  async prepare({ url }) {
    await runMigrations({ connectionString: url, logger });
  },

  async produce({ url, queues: [first] }, { connections }) {
    const pgPool = new pg.Pool({ connectionString: url, max: connections });
    pgPool.on('error', () => {});
    pgPool.on('connect', (client) => client.on('error', () => {}));
    const utils = await makeWorkerUtils({ pgPool, logger });
    const specOf = (job: Job): AddJobsJobSpec => ({
      identifier: job.foreign === true ? 'foreign' : (job.queue ?? first),
      payload: job.payload,
      // Lower runs first.
      ...(job.priority !== undefined && { priority: -job.priority }),
      ...(job.delayMs !== undefined && { runAt: new Date(Date.now() + job.delayMs) }),
    });
    return {
      async enqueueMany(jobs) {
        for (const piece of pieces(jobs, insertBatch)) await utils.addJobs(piece.map(specOf));
      },
      async enqueue(job) {
        const { identifier, payload, ...spec } = specOf(job);
        await utils.addJob(identifier, payload, spec);
      },
      async enqueueIn(client, { queue = first, payload }) {
        await client.query('SELECT graphile_worker.add_job($1, payload => $2::json)', [
          queue,
          JSON.stringify(payload),
        ]);
      },
      async unfinished() {
        const { rows } = await pgPool.query<{ n: string }>(
          'SELECT count(*) AS n FROM graphile_worker._private_jobs',
        );
        return Number(rows[0]?.n);
      },
      async close() {
        await utils.release();
        await pgPool.end();
      },
    };
  },

  async work(place, handle, watch) {
    watchClaims(/skip locked/i, watch);
    const runner = await run({
      ...optionsOf(place),
      taskList: Object.fromEntries(
        place.queues.map((queue) => [queue, async (payload) => handle(payload as { i: number })]),
      ),
    });
    return { stop: () => runner.stop() };
  },
};

function optionsOf({ url, config }: Place): RunnerOptions {
  return {
    connectionString: url,
    concurrency: 10,
    noHandleSignals: true,
    parsedCronItems: [],
    logger,
    ...(config === 'best' && { preset: best }),
  };
}
