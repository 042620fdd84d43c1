import type { AttemptError } from './job.ts';
import { boundedText, describe, tryText } from './text.ts';

/** Causes deeper than this are cut off. */
const maxCauses = 5;

/** The bytes that a name and a code may take, and all that JSON writes around the values of one error. */
const labelBytes = 96;
const frameBytes = 64;

/** How message and stack share the rest, so that a long message leaves room for the stack. */
const messageShare = 0.45;
const stackShare = 0.55;

/**
 * What is kept of anything that was thrown: bounded plain text, without NUL and lone surrogates. Never throws, whatever
 * the getters and traps of the value do.
 * @param maxBytes Bound of the whole as JSON in UTF-8, at least 2 KiB.
 */
export function toAttemptError(thrown: unknown, maxBytes: number): AttemptError {
  const labels = (2 * labelBytes + frameBytes) * (maxCauses + 1);
  // Every cause gets half the room of the error above it, so all of them together take less than twice the first share.
  return describeError(thrown, (maxBytes - labels) / 2, 0);
}

function describeError(thrown: unknown, room: number, depth: number): AttemptError {
  const name = nameOf(thrown);
  const message = read(thrown, 'message');
  if (typeof message !== 'string') {
    return { name, message: boundedText(describe(thrown), Math.floor(room * messageShare)) };
  }
  const code = read(thrown, 'code');
  const stack = read(thrown, 'stack');
  const cause = read(thrown, 'cause');
  return {
    name,
    message: boundedText(message, Math.floor(room * messageShare)),
    ...((typeof code === 'string' || typeof code === 'number') && {
      code: boundedText(String(code), labelBytes),
    }),
    ...(typeof stack === 'string' && { stack: boundedText(stack, Math.floor(room * stackShare)) }),
    ...(cause !== undefined &&
      depth < maxCauses && { cause: describeError(cause, room / 2, depth + 1) }),
  };
}

/** The class of what was thrown, as metrics and stored attempts name it, at most 96 bytes. */
export function nameOf(thrown: unknown): string {
  if (thrown === null) return 'null';
  const name = read(thrown, 'name');
  const isError =
    typeof read(thrown, 'message') === 'string' && typeof name === 'string' && name !== '';
  if (!isError) return typeof thrown;
  // A class that extends Error without a name of its own inherits this one; its constructor says more.
  const ofClass = name === 'Error' ? tryText(() => (thrown as Error).constructor.name) : name;
  return boundedText(ofClass === undefined || ofClass === '' ? name : ofClass, labelBytes);
}

/** A property of something that may be no object at all, or one whose getters and traps throw. */
function read(value: unknown, key: 'name' | 'message' | 'code' | 'stack' | 'cause'): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
