import { defineJob } from 'millrace';
import type { Opened } from './libraries.ts';

export const next = defineJob({ kind: 'next' });

/** Writes a row and enqueues a job in the library's transaction, and calls `then` before it ends. */
export function depositJob(library: Opened, then: () => Promise<unknown> = async () => {}) {
  return defineJob({
    kind: 'job',
    transaction: library.source(),
    async handler(_, { tx, enqueue }) {
      await library.deposit(tx);
      await enqueue(next);
      await then();
    },
  });
}
