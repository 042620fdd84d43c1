/**
 * The shape of everything that runs: worker, scheduler, rescuer, partition keeper. `tick` is one pass and is what tests
 * drive; `start` repeats it until `stop`.
 */
export interface Service {
  /** Starts the loop. Resolves when the service is ready; rejects when it cannot work at all. */
  start(): Promise<void>;
  /** Stops the loop. Resolves when nothing of it runs any more, also when called twice or during start. */
  stop(): Promise<unknown>;
  /** One pass, whether the loop runs or not. */
  tick(): Promise<unknown>;
}
