import type { AttemptError } from '../core/job.ts';

/** An error as it was before it was stored, as far as that is known. */
export function attemptErrorOf(stored: AttemptError): Error {
  const { name, message, code, stack, cause } = stored;
  const error = new Error(message, cause === undefined ? {} : { cause: attemptErrorOf(cause) });
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return Object.assign(error, code === undefined ? {} : { code });
}
