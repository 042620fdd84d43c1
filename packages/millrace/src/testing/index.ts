/**
 * The kit for tests of jobs: a real database, real workers, a driven clock, crashes.
 *
 * @module millrace/testing
 */
export { assertEnqueued, type EnqueuedLike, type PartOf } from './assert-enqueued.ts';
export { drain, type DrainOptions } from './drain.ts';
export { driveClock, type DrivenClock } from './driven-clock.ts';
export type { TriedAttempt } from './ledger.ts';
export { crashPoints, type CrashPoint } from './life.ts';
export {
  runJob,
  type EnqueuedByHandler,
  type RunJobOptions,
  type RunJobResult,
} from './run-job.ts';
export type { RunOptions, RunResult } from './run-result.ts';
export { simulate, type SimulateOptions, type SimulateResult } from './simulate.ts';
export { createTestDatabase, type TestDatabase } from './test-database.ts';
export { startTestServer, type TestServer, type TestServerOptions } from './test-server.ts';
