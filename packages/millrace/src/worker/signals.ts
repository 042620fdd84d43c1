/** What can be run until it is told to stop. */
interface Stoppable<T> {
  start(): Promise<void>;
  stop(): Promise<T>;
  /** Resolves when it has stopped, whoever asked for it. */
  readonly stopped: Promise<T>;
}

/**
 * Starts a service, stops it at SIGTERM, SIGINT or when `signal` aborts, and resolves when it has stopped. The handlers
 * stay until then: a second signal must not end the process in the middle of the stop. When the service cannot start, it
 * is stopped, and the error is thrown.
 */
export async function runUntilSignal<T>(
  service: Stoppable<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  let asked = false;
  const stop = () => {
    asked = true;
    void service.stop();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  signal?.addEventListener('abort', stop);
  try {
    if (signal?.aborted === true) stop();
    await service.start().catch(async (error: unknown) => {
      // A stop during the start makes the start fail, which is what was asked for.
      if (asked) return;
      await service.stop();
      throw error;
    });
    return await service.stopped;
  } finally {
    process.off('SIGTERM', stop);
    process.off('SIGINT', stop);
    signal?.removeEventListener('abort', stop);
  }
}
