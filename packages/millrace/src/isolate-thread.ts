/** The composition root of a thread that runs isolated handlers. */
import { parentPort } from 'node:worker_threads';
import { becomeIsolated } from './core/isolation.ts';
import type { ToIsolate } from './isolation/messages.ts';
import { runJobsHere } from './isolation/run-here.ts';
import { systemClock } from './system-clock.ts';

becomeIsolated();
const take = runJobsHere(systemClock, (message) => parentPort?.postMessage(message));
parentPort?.on('message', (message: ToIsolate) => take(message));
