/** The composition root of the thread that watches the event loop of its process; `runtime.ts` starts it. */
import { parentPort, workerData } from 'node:worker_threads';
import { pause } from './core/clock.ts';
import { Pulse } from './loop-watch/pulse.ts';
import { Watcher } from './loop-watch/watcher.ts';
import { StandIn, type StandInParts } from './storage/stand-in.ts';
import { systemClock } from './system-clock.ts';

const given = workerData as {
  readonly memory: SharedArrayBuffer;
  readonly blockedForMs: number;
  readonly standIn: StandInParts;
};
const standIn = new StandIn(given.standIn);
const watcher = new Watcher({
  pulse: new Pulse(given.memory),
  clock: systemClock,
  blockedForMs: given.blockedForMs,
  beat: (stoodMs, jobs) => standIn.beat(stoodMs, jobs),
  rest: () => standIn.close(),
  onError: (error) => parentPort?.postMessage(error),
});
for (;;) await pause(systemClock, watcher.look());
