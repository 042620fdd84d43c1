import { Queue, Worker } from 'bullmq';
import type { Peer, Place } from '../peer.ts';
import { aboutRecovery, bullmq, recoveryOf } from './bullmq.ts';

const concurrency = 100;

function connectionOf({ url }: Place): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

export const peer: Peer = {
  configs: {
    memory: {
      about: 'Redis without durability, concurrency 100, addBulk of 1000, removeOnComplete',
    },
    always: { about: 'the same with appendfsync always, which is what PostgreSQL does' },
    'quick-recovery': { about: `memory, with ${aboutRecovery}`, only: ['crash'] },
  },
  lacks: ['insert-single.tx', 'late-commits', 'snapshot', 'notify', 'steady'],
  store: 'redis',
  prepare: async () => {},
  ...bullmq({
    queue: (name, place) => new Queue(name, { connection: connectionOf(place) }),
    worker: (name, place, process) =>
      new Worker(name, process, {
        connection: connectionOf(place),
        concurrency,
        ...recoveryOf(place),
      }),
  }),
};
