import type { LogLine } from './job.ts';

/** The logger of one attempt. */
export interface AttemptLog {
  readonly logger: Logger;
  /** What it wrote, as far as that is kept; null when nothing is. */
  lines(): readonly LogLine[] | null;
}

/** Where log lines go. pino's loggers have this shape. */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
  /** Whether lines of this level are written at all; without it every line is made. pino's loggers have it. */
  isLevelEnabled?(level: 'debug' | 'info' | 'warn' | 'error'): boolean;
}
