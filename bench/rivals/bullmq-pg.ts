import { createPostgresBackend, runMigrations, withBackend } from 'bullmq';
import pg from 'pg';
import type { Peer } from '../peer.ts';
import { aboutRecovery, bullmq, recoveryOf } from './bullmq.ts';

const { Queue, Worker } = withBackend(createPostgresBackend);
const concurrency = 10;

export const peer: Peer = {
  configs: {
    best: { about: 'PostgreSQL backend, concurrency 10, pool of 10, removeOnComplete', slow: true },
    'quick-recovery': { about: `best, with ${aboutRecovery}`, only: ['crash'] },
  },
  lacks: ['insert-single.tx', 'late-commits'],
  store: 'postgres',
  table: 'bullmq.job',
  channel: 'bullmq_jobs',
  async prepare({ url }) {
    const pool = new pg.Pool({ connectionString: url });
    await runMigrations(pool);
    await pool.end();
  },
  ...bullmq({
    queue: (name, { url }, max) => new Queue(name, { connection: { connectionString: url, max } }),
    worker: (name, place, process) =>
      new Worker(name, process, {
        connection: { connectionString: place.url, max: concurrency },
        concurrency,
        ...recoveryOf(place),
      }),
  }),
};
