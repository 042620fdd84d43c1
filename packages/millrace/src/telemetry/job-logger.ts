import type { JobRef } from '../core/events.ts';
import type { Logger } from '../core/logger.ts';

/** The logger of one attempt: every line says which job it is about. */
export function jobLogger(logger: Logger, job: JobRef): Logger {
  const { kind, id, attempt, queue, traceId } = job;
  const ref = { kind, id, attempt, queue, ...(traceId !== undefined && { traceId }) };
  type Level = 'debug' | 'info' | 'warn' | 'error';
  const bound =
    (level: Level): Logger[Level] =>
    (details, message) =>
      logger[level]({ ...ref, ...details }, message);
  return {
    debug: bound('debug'),
    info: bound('info'),
    warn: bound('warn'),
    error: bound('error'),
    isLevelEnabled: (level) => logger.isLevelEnabled?.(level) ?? true,
  };
}
