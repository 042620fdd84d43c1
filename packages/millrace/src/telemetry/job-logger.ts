import type { JobRef } from '../core/events.ts';
import type { AttemptLog, Logger } from '../core/logger.ts';
import type { LogTail } from './log-tail.ts';

/** Where lines are kept, and what dates them. */
export interface Capture {
  readonly keep: LogTail;
  readonly now: () => Date;
}

/**
 * The logger of one attempt: every line says which job it is about.
 * @param tail keeps the lines, those too that the logger does not write
 */
export function jobLogger(logger: Logger, job: JobRef, tail?: Capture): AttemptLog {
  const { kind, id, attempt, queue, traceId } = job;
  const ref = { kind, id, attempt, queue, ...(traceId !== undefined && { traceId }) };
  type Level = 'debug' | 'info' | 'warn' | 'error';
  const bound =
    (level: Level): Logger[Level] =>
    (details, message) => {
      logger[level]({ ...ref, ...details }, message);
      tail?.keep.add(tail.now(), level, details, message);
    };
  return {
    logger: {
      debug: bound('debug'),
      info: bound('info'),
      warn: bound('warn'),
      error: bound('error'),
      isLevelEnabled: (level) => tail !== undefined || (logger.isLevelEnabled?.(level) ?? true),
    },
    lines: () => tail?.keep.lines() ?? null,
  };
}
