/** What BullMQ's two backends have in common. */
import type { JobsOptions, Queue } from 'bullmq';
import { pieces, type Job, type Payload, type Peer, type Place } from '../peer.ts';

const insertBatch = 1_000;
const foreignQueue = 'foreign';
const waiting = ['waiting', 'prioritized', 'delayed', 'active'] as const;

type AnyQueue = Pick<Queue, 'add' | 'addBulk' | 'getJobCountByTypes' | 'close' | 'waitUntilReady'>;

/** Its types of the two backends' workers do not fit each other. */
interface AnyWorker {
  on(event: 'error', listener: () => void): unknown;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

interface Backend {
  queue(name: string, place: Place, connections: number): AnyQueue;
  worker(name: string, place: Place, process: (job: { data: Payload }) => Promise<void>): AnyWorker;
}

/** Finished jobs are removed, or it would keep them for ever; a failed one is tried again at once. */
const optionsOf = ({ priority, delayMs }: Job): JobsOptions => ({
  removeOnComplete: true,
  attempts: 3,
  // Lower runs first, and 1 is the first.
  ...(priority !== undefined && { priority: 3 - priority }),
  ...(delayMs !== undefined && { delay: delayMs }),
});

export function bullmq(backend: Backend): Pick<Peer, 'produce' | 'work'> {
  return {
    async produce(place, { connections }) {
      const [first] = place.queues;
      const queues = new Map(
        [...place.queues, foreignQueue].map((name) => [
          name,
          backend.queue(name, place, connections),
        ]),
      );
      const all = [...queues.values()];
      await Promise.all(all.map((queue) => queue.waitUntilReady()));
      const nameOf = ({ queue, foreign }: Job) =>
        foreign === true ? foreignQueue : (queue ?? first);
      return {
        async enqueueMany(jobs) {
          for (const [name, its] of Map.groupBy(jobs, nameOf)) {
            for (const piece of pieces(its, insertBatch)) {
              await queues
                .get(name)
                ?.addBulk(
                  piece.map((job) => ({ name: 'job', data: job.payload, opts: optionsOf(job) })),
                );
            }
          }
        },
        async enqueue(job) {
          await queues.get(nameOf(job))?.add('job', job.payload, optionsOf(job));
        },
        enqueueIn: undefined,
        async unfinished() {
          const counts = await Promise.all(
            all.map((queue) => queue.getJobCountByTypes(...waiting)),
          );
          return counts.reduce((sum, count) => sum + count, 0);
        },
        async close() {
          await Promise.all(all.map((queue) => queue.close()));
        },
      };
    },

    async work(place, handle) {
      const workers = place.queues.map((name) =>
        backend.worker(name, place, async ({ data }) => handle(data)),
      );
      for (const worker of workers) worker.on('error', () => {});
      await Promise.all(workers.map((worker) => worker.waitUntilReady()));
      return {
        async stop() {
          await Promise.all(workers.map((worker) => worker.close()));
        },
      };
    },
  };
}

/** Recovery as fast as it can be set. */
export const recoveryOf = ({ config }: Place) =>
  config === 'quick-recovery' ? { lockDuration: 1_000, stalledInterval: 1_000 } : {};

export const aboutRecovery = 'lockDuration and stalledInterval 1 s';
