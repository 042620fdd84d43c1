/** The composition root of a process that runs isolated handlers, and of the thread that ends it with its parent. */
import { isMainThread, Worker as Thread, workerData } from 'node:worker_threads';
import { pause } from './core/clock.ts';
import { becomeIsolated } from './core/isolation.ts';
import type { ToIsolate } from './isolation/messages.ts';
import { runJobsHere } from './isolation/run-here.ts';
import { systemClock } from './system-clock.ts';

/** How soon, at most, it follows its parent. */
const lookMs = 500;

if (isMainThread) {
  becomeIsolated();
  const take = runJobsHere(systemClock, (message) => process.send?.(message));
  process.on('message', (message) => take(message as ToIsolate));
  process.on('disconnect', () => process.exit());
  // What a terminal or a service manager sends to the whole group is the worker's to answer, which then sends aborts.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  // A handler that blocks the event loop would never hear of the disconnection.
  new Thread(new URL(import.meta.url), { workerData: process.ppid, execArgv: [] }).unref();
} else {
  const parent: unknown = workerData;
  while (process.ppid === parent) await pause(systemClock, lookMs);
  process.kill(process.pid, 'SIGKILL');
}
