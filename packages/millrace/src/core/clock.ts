/**
 * The time outside the database: intervals, timeouts, back-off between attempts to reach the server. When a job is due
 * is decided by the database's clock alone. Tests inject a clock of their own.
 */
export interface Clock {
  /** Monotonic milliseconds with an arbitrary origin; never steps. */
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs`; the returned function cancels it. A pending call keeps the process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Resolves after `delayMs`, or at once when `signal` aborts; never rejects. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
