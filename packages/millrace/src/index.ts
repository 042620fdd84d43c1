/**
 * Define, enqueue, run, schedule, look and act.
 *
 * @module millrace
 */
export { createMillrace } from './create-millrace.ts';
export { defineJob } from './core/job-definition.ts';
export { every } from './core/schedule.ts';
export { cron } from './core/cron.ts';
export { delays, exponential, fixed, linear } from './core/retry.ts';
export { flag } from './core/flags.ts';
export { cancel, discard, retryAfter, snooze } from './core/outcome.ts';
export { errorCodes, isMillraceError, MillraceError } from './core/errors.ts';
export { jobStates } from './core/job.ts';

export type { CronOptions } from './core/cron.ts';
export type { Duration } from './core/duration.ts';
export type { Enqueue, EnqueueMany, EnqueueOptions, EnqueueResult } from './core/enqueue.ts';
export type { ErrorCode } from './core/errors.ts';
export type { EventName, Events, JobRef, MillraceEvent } from './core/events.ts';
export type { Enabled, Flag, FlagOptions, Flags, FlagSource, FlagSubject } from './core/flags.ts';
export type {
  AttemptEnding,
  AttemptError,
  AttemptRecord,
  Job,
  JobState,
  LogLine,
} from './core/job.ts';
export type {
  AnyJobDefinition,
  Handler,
  InputOf,
  JobContext,
  JobDefinition,
  JobOptions,
  JobRequest,
  JobRequestOptions,
  TransactionalJobContext,
  TransactionOption,
} from './core/job-definition.ts';
export type { Health, LoopHealth } from './core/health.ts';
export type { IsolatedJobContext, IsolateOption, IsolateOptions } from './core/isolation.ts';
export type { JobProgress } from './core/progress.ts';
export type { Json } from './core/json.ts';
export type { HistoryPolicy } from './core/lifecycle.ts';
export type { Logger } from './core/logger.ts';
export type {
  AttemptContext,
  EnqueueAnswer,
  EnqueueChanges,
  EnqueueContext,
  Middleware,
  MiddlewareOf,
  StoredPayload,
} from './core/middleware.ts';
export type {
  ConnectionConfig,
  ConnectionPool,
  Millrace,
  MillraceOptions,
  Scheduler,
  SchedulerOptions,
  StopOptions,
  Worker,
  WorkerOptions,
  WorkerStopped,
} from './core/millrace.ts';
export type {
  Pause,
  PauseAnswer,
  PauseOptions,
  QueuePause,
  ResumeAnswer,
} from './core/operator/pauses.ts';
export type { Why, WhyCode, WhyValue } from './core/operator/why.ts';
export type { JobActivity, TailOptions } from './core/operator/activity.ts';
export type {
  DeadWorker,
  JobCount,
  KindStats,
  QueueInfo,
  ScheduleInfo,
  SchedulePauseAnswer,
  ScheduleResumeAnswer,
  Stats,
  Throughput,
  WorkerInfo,
  Workers,
} from './core/operator/overview.ts';
export type { JobPage, SearchedTo } from './core/operator/job-search.ts';
export type { JobVerb, VerbAnswer, VerbStatus } from './core/operator/job-verbs.ts';
export type {
  BulkFilter,
  BulkOptions,
  BulkProgress,
  BulkResult,
  DiscardOptions,
  EditOptions,
  JobFilterOptions,
  ListOptions,
  RescheduleOptions,
  VerbOptions,
} from './core/operator/options.ts';
export type { RunJobAnswer, RunJobOptions } from './core/operator/run.ts';
export type { EmptyPayload, PayloadCodec, StandardSchema } from './core/payload.ts';
export type { Finding } from './core/operator/finding.ts';
export type { Grants } from './core/operator/grants.ts';
export type { FailedAttempt, RetryOptions, RetryPolicy, StoredRetryPolicy } from './core/retry.ts';
export type { FireTimes, MissedPolicy } from './core/schedule.ts';
export type { ScheduleOptions } from './core/schedule-options.ts';
export type { Service } from './core/service.ts';
export type { Backlog, QueueBacklog } from './core/operator/backlog.ts';
export type {
  AttemptEnd,
  EnqueueEnd,
  Telemetry,
  TelemetrySource,
  TraceContext,
  Vitals,
} from './core/telemetry.ts';
export type { CancelAnswer, PendingMigration, RetryAnswer } from './core/storage.ts';
export type {
  IsolationLevel,
  Transaction,
  TransactionSource,
  TransactionSourceOptions,
} from './core/transaction.ts';
export type { TransactionHandle } from './core/transaction-handles.ts';
