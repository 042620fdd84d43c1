import type { JobRef } from '../core/events.ts';
import type { AttemptLog, Logger } from '../core/logger.ts';
import { captureLimits } from '../core/telemetry-options.ts';
import { consoleLogger } from './console-logger.ts';
import { jobLogger } from './job-logger.ts';
import { LogTail } from './log-tail.ts';

/** What an application gave as its logger: false for silence, nothing for warnings and errors on stderr. */
export function loggerOf(given: Logger | false | undefined, now: () => Date): Logger {
  if (given === false)
    return { debug() {}, info() {}, warn() {}, error() {}, isLevelEnabled: () => false };
  return given ?? consoleLogger({ level: 'warn', stream: process.stderr, now });
}

/**
 * Makes the loggers of attempts.
 * @param capture the option `captureLogs`
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID
 */
export function attemptLogs(
  logger: Logger,
  capture: unknown,
  now: () => Date,
): (job: JobRef) => AttemptLog {
  const limits = captureLimits(capture, 'createMillrace.captureLogs');
  if (limits === undefined) return (job) => jobLogger(logger, job);
  return (job) => jobLogger(logger, job, { keep: new LogTail(limits), now });
}
