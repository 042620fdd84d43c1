import type { ClaimedJob } from '../core/job.ts';
import type { Logger } from '../core/logger.ts';

/** The logger of one attempt: every line says which job it is about. */
export function jobLogger(
  logger: Logger,
  job: Pick<ClaimedJob, 'id' | 'kind' | 'queue' | 'attempt'>,
): Logger {
  const ref = { kind: job.kind, id: job.id, attempt: job.attempt, queue: job.queue };
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
