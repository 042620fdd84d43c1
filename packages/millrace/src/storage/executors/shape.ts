import { MillraceError } from '../../core/errors.ts';
import type { Executor } from '../../core/transaction.ts';

/**
 * Brings one kind of handle to the common shape; undefined for handles of other kinds.
 * @throws MILLRACE_TX_INVALID, MILLRACE_TX_NOT_OPEN for what is of this kind but no open transaction
 */
export type ExecutorOf = (handle: unknown) => Executor | undefined;

export function hasMethods<Name extends string>(
  handle: unknown,
  ...names: Name[]
): handle is Record<Name, (...args: never[]) => unknown> {
  if ((typeof handle !== 'object' && typeof handle !== 'function') || handle === null) return false;
  return names.every((name) => typeof (handle as Record<string, unknown>)[name] === 'function');
}

/** What is never a transaction, whatever its state. */
export function invalid(message: string): MillraceError {
  return new MillraceError('MILLRACE_TX_INVALID', `tx is ${message}`);
}

/** What could be one, but has not begun, has ended or has failed. */
export function notOpen(message: string, options?: ErrorOptions): MillraceError {
  return new MillraceError('MILLRACE_TX_NOT_OPEN', `tx is ${message}`, options);
}

/** Rows as the libraries give them. */
export function answer(rows: unknown): { rows: Record<string, unknown>[] } {
  return { rows: [...(rows as Iterable<Record<string, unknown>>)] };
}
