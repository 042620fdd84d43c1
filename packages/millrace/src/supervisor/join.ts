import type { Millrace } from '../core/millrace.ts';
import { systemClock } from '../system-clock.ts';
import type { ServedMetrics } from './health-server.ts';
import { ifPromClient } from './prom-client.ts';
import { supervisedVariable, type FromChild, type MetricsJson, type ToChild } from './messages.ts';

const usageEachMs = 500;

/** The child's end of the channel to its supervisor. */
export interface SupervisedProcess {
  /** Aborts when the supervisor asks to stop, or is gone. */
  readonly stop: AbortSignal;
  /** Aborts when there is no grace any more. */
  readonly hurry: AbortSignal;
  /** Says that the services run, from when on the process replaces another. */
  ready(): void;
  /**
   * Says how it ended and closes the channel; the process ends when nothing else keeps it. Resolves when that has been
   * said, before which nobody may call `process.exit`.
   */
  done(stopped: { readonly givenBack: number }): Promise<void>;
}

/** What `joinSupervisor` takes beside the Millrace. */
export interface JoinOptions {
  /** What this process adds to `/metrics` of the supervisor: what `prometheus` has made. */
  readonly metrics?: ServedMetrics;
}

/** Whether a supervisor has started this process. */
export function isSupervised(): boolean {
  return process.env[supervisedVariable] === '1' && process.connected;
}

/**
 * Connects a process with the supervisor that started it; undefined where there is none, so that the same program also
 * runs alone. Call it before the services start.
 */
export function joinSupervisor(
  millrace: Millrace,
  { metrics }: JoinOptions = {},
): SupervisedProcess | undefined {
  if (!isSupervised()) return undefined;
  // What a handler starts is not ours.
  delete process.env[supervisedVariable];
  const stop = new AbortController();
  const hurry = new AbortController();
  let jobs = 0;
  const send = (message: FromChild): void => void sent(message);
  const unsubscribe = millrace.subscribe(({ name }) => {
    if (name === 'attempt:finished') jobs++;
  }, 'supervisor');
  const onMessage = (message: ToChild): void => {
    if (message.type === 'stop') {
      stop.abort();
      if (message.now) hurry.abort();
    } else if (message.type === 'ended') {
      // Without it, the usual looks find out.
      void millrace.processEnded(message.boot).catch(() => {});
    } else if (message.type === 'ask health') {
      const { no } = message;
      void millrace.health().then((health) => send({ type: 'health', no, health }));
    } else {
      const { no } = message;
      // Nothing says more than a page that fails.
      const page = metrics?.json() ?? Promise.resolve([]);
      void page.then((found) => send({ type: 'metrics', no, metrics: found })).catch(() => {});
    }
  };
  const onDisconnect = (): void => stop.abort();
  // A terminal that closes tells the whole group; what it means is the supervisor's to say.
  const onHangUp = (): void => {};
  process.on('message', onMessage);
  process.on('disconnect', onDisconnect);
  process.on('SIGHUP', onHangUp);
  let cancel = (): void => {};
  const report = (): void => {
    send({ type: 'usage', rssBytes: process.memoryUsage.rss(), jobs });
    cancel = systemClock.after(usageEachMs, report);
  };
  send({ type: 'hello', boot: millrace.boot });
  report();
  return {
    stop: stop.signal,
    hurry: hurry.signal,
    ready: () => send({ type: 'ready' }),
    async done({ givenBack }) {
      cancel();
      unsubscribe();
      process.off('message', onMessage);
      process.off('disconnect', onDisconnect);
      const counts = metrics === undefined ? [] : await countsOf(metrics).catch(() => []);
      await sent({ type: 'done', givenBack, counts });
      if (process.connected) process.disconnect();
    },
  };
}

async function countsOf({ registry }: ServedMetrics): Promise<MetricsJson> {
  const combined = await ifPromClient(import('./combined-metrics.ts'));
  return combined === undefined ? [] : combined.countsOf(registry);
}

/** The channel may close at any moment; then the disconnection says the rest. */
function sent(message: FromChild): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected && process.send !== undefined) process.send(message, () => resolve());
    else resolve();
  });
}
