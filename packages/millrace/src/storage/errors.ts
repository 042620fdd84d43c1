import { databaseError } from '../core/database-error.ts';
import { isMillraceError, MillraceError, type ErrorCode } from '../core/errors.ts';

const byCode: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'MILLRACE_DB_UNREACHABLE',
  ECONNRESET: 'MILLRACE_DB_UNREACHABLE',
  ENOTFOUND: 'MILLRACE_DB_UNREACHABLE',
  EAI_AGAIN: 'MILLRACE_DB_UNREACHABLE',
  EHOSTUNREACH: 'MILLRACE_DB_UNREACHABLE',
  ENETUNREACH: 'MILLRACE_DB_UNREACHABLE',
  ETIMEDOUT: 'MILLRACE_DB_UNREACHABLE',
  EPIPE: 'MILLRACE_DB_UNREACHABLE',
  ENOENT: 'MILLRACE_DB_UNREACHABLE',
  EACCES: 'MILLRACE_DB_UNREACHABLE',
  '08000': 'MILLRACE_DB_UNREACHABLE',
  '08003': 'MILLRACE_DB_UNREACHABLE',
  '08006': 'MILLRACE_DB_UNREACHABLE',
  '57P01': 'MILLRACE_DB_UNREACHABLE',
  '57P02': 'MILLRACE_DB_UNREACHABLE',
  '57P03': 'MILLRACE_DB_UNREACHABLE',
  '57P05': 'MILLRACE_DB_UNREACHABLE',
  '53300': 'MILLRACE_DB_UNREACHABLE',
  '28000': 'MILLRACE_DB_AUTH',
  '28P01': 'MILLRACE_DB_AUTH',
  '3D000': 'MILLRACE_DB_AUTH',
  '25P01': 'MILLRACE_TX_NOT_OPEN',
  '25P02': 'MILLRACE_TX_NOT_OPEN',
  '25006': 'MILLRACE_DB_READ_ONLY',
  '42501': 'MILLRACE_DB_PERMISSION',
  '3F000': 'MILLRACE_SCHEMA_MISSING',
  '42P01': 'MILLRACE_SCHEMA_MISSING',
  '42883': 'MILLRACE_SCHEMA_MISSING',
  '40001': 'MILLRACE_TX_SERIALIZATION',
  '40P01': 'MILLRACE_TX_SERIALIZATION',
};

/** The code that PostgreSQL or Node gave to an error: an SQLSTATE or a system error name. */
export function causeCode(error: unknown): string | undefined {
  if (error instanceof AggregateError) return causeCode(error.errors[0]);
  const state = databaseError(error)?.sqlState;
  if (state !== undefined) return state;
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** An error of the driver as one of Millrace's, where its meaning is known; otherwise the error itself. */
export function explain(error: unknown): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error;
  const stated = databaseError(error);
  if (stated?.sqlState === '23505' && stated.message.includes('"job_unique"')) {
    return new MillraceError(
      'MILLRACE_UNIQUE_CONFLICT',
      'the unique key is taken by an unfinished job',
      { cause: error },
    );
  }
  const code = codeOf(error);
  return code === undefined ? error : new MillraceError(code, messageOf(error), { cause: error });
}

/** The same for a statement in a transaction of the user's, which may be on another database. */
export function explainInTransaction(error: unknown): unknown {
  const explained = explain(error);
  if (!isMillraceError(explained, 'MILLRACE_SCHEMA_MISSING')) return explained;
  const message = `the transaction is on a database without Millrace's schema: ${explained.message}`;
  return new MillraceError(explained.code, message, { cause: error });
}

/** For the `catch` of a call: throws what `explain` answers. */
export function rethrow(error: unknown): never {
  throw explain(error);
}

function codeOf(error: Error): ErrorCode | undefined {
  const known = byCode[causeCode(error) ?? ''];
  if (known !== undefined) return known;
  if (/^SASL|client password must be a string/i.test(error.message)) return 'MILLRACE_DB_AUTH';
  if (
    /Connection terminated|not queryable|timeout expired|read timeout|server closed the connection/i.test(
      error.message,
    )
  ) {
    return 'MILLRACE_DB_UNREACHABLE';
  }
  return undefined;
}

function messageOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const text =
    databaseError(error)?.message ?? (first instanceof Error ? first.message : error.message);
  return text.split('\n')[0] ?? text;
}
