import type { StopOptions } from '../core/millrace.ts';

/** What can be run until it is told to stop. */
interface Stoppable<T> {
  start(): Promise<void>;
  stop(options?: StopOptions): Promise<T>;
  /** Resolves when it has stopped, whoever asked for it. */
  readonly stopped: Promise<T>;
}

/**
 * Starts a service, stops it at SIGTERM, SIGINT or when `signal` aborts, and resolves when it has stopped. The listeners
 * stay until then: a second signal must not end the process in the middle of the stop; it ends the grace of the handlers.
 * When the service cannot start, it is stopped, and the error is thrown.
 */
export async function runUntilSignal<T>(
  service: Stoppable<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  let asked = false;
  let signals = 0;
  const stop = (options: StopOptions) => {
    asked = true;
    void service.stop(options);
  };
  const onAbort = () => stop({});
  const onSignal = () => {
    signals += 1;
    stop(signals === 1 ? {} : { grace: 0 });
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  signal?.addEventListener('abort', onAbort);
  try {
    if (signal?.aborted === true) onAbort();
    await service.start().catch(async (error: unknown) => {
      // A stop during the start makes the start fail, which is what was asked for.
      if (asked) return;
      await service.stop();
      throw error;
    });
    return await service.stopped;
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
    signal?.removeEventListener('abort', onAbort);
  }
}
