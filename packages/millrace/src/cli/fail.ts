import { inspect } from 'node:util';
import { MillraceError } from '../core/errors.ts';
import { printable } from './output.ts';

/**
 * How the process ends: a command that could not be understood is told apart from one that failed. A second signal counts
 * as if it had ended the process.
 */
export const exitCodes = { done: 0, failed: 1, usage: 2, SIGINT: 130, SIGTERM: 143 } as const;

/** Prints what went wrong as one line on stderr and answers with the exit code. */
export function reportFailure(error: unknown, verbose: boolean): number {
  const { code, message, remedy } = explain(error);
  process.stderr.write(`${printable(`${code}: ${asSentence(message, remedy)} ${remedy}`)}\n`);
  if (verbose) process.stderr.write(`${inspect(error)}\n`);
  return code === 'MILLRACE_ARGUMENT_INVALID' ? exitCodes.usage : exitCodes.failed;
}

interface Explained {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** By shape, because the error may come from another copy of this package or from `@millrace/dev-db`. */
function explain(error: unknown): Explained {
  const { code, remedy } = (error ?? {}) as Partial<Record<'code' | 'remedy', unknown>>;
  if (error instanceof Error && typeof code === 'string' && typeof remedy === 'string') {
    return { code, message: error.message, remedy };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return explain(new MillraceError('MILLRACE_UNEXPECTED', message));
}

function asSentence(message: string, remedy: string): string {
  const text = message.replace(remedy, '').replaceAll(/\s+/g, ' ').trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
