import type { Logger } from '../core/logger.ts';
import { safeJson } from './safe-json.ts';

const levels = ['debug', 'info', 'warn', 'error'] as const;

type Level = (typeof levels)[number];

/** What the console logger writes to. */
interface LogStream {
  readonly isTTY?: boolean;
  write(line: string): unknown;
}

const colors: Readonly<Record<Level, string>> = { debug: '2', info: '36', warn: '33', error: '31' };

/**
 * Writes one line per call: for people when the stream is a terminal, otherwise JSON for machines.
 * @param parts `level` is the lowest that is written; `now` dates the lines.
 */
export function consoleLogger(parts: {
  readonly level: Level;
  readonly stream: LogStream;
  readonly now: () => Date;
}): Logger {
  const { stream, now } = parts;
  const format = stream.isTTY === true ? pretty : json;
  const lowest = levels.indexOf(parts.level);
  const at = (level: Level) =>
    levels.indexOf(level) < lowest
      ? () => {}
      : (details: object, message: string) => {
          stream.write(`${format(level, now(), details, message)}\n`);
        };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    isLevelEnabled: (level) => levels.indexOf(level) >= lowest,
  };
}

function json(level: Level, time: Date, details: object, message: string): string {
  const head = { time: time.toISOString(), level };
  // Once for the order of the keys, once so that no detail passes itself off as the time or the level.
  return safeJson({ ...head, ...details, ...head, message });
}

function pretty(level: Level, time: Date, details: object, message: string): string {
  const { error, ...rest } = details as { error?: unknown };
  const words = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        `${name}=${typeof value === 'string' && /^\S+$/.test(value) ? value : safeJson(value)}`,
    );
  const head = `${time.toISOString().slice(11, 23)} \u001B[${colors[level]}m${level.padEnd(5)}\u001B[0m ${message}`;
  return [head, ...words, ...(error === undefined ? [] : [describeError(error)])].join(' ');
}

/** The stack says it all where there is one; it begins with name and message. */
function describeError(error: unknown): string {
  const { stack, name, message } = error as { stack?: unknown; name?: unknown; message?: unknown };
  return typeof stack === 'string'
    ? `\n${stack}`
    : `error=${safeJson(`${String(name)}: ${String(message)}`)}`;
}
