import { MessageChannel } from 'node:worker_threads';

/**
 * Keeps the process alive until `work` has ended. Timers of the Clock do not, and while the database is away no socket
 * does: without this a process that waits for its database would end, silently, in the middle of its work.
 */
export function keepAlive(work: Promise<unknown>): void {
  const { port1 } = new MessageChannel();
  port1.on('message', () => {});
  const release = () => port1.close();
  work.then(release, release);
}
