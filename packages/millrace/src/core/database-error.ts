import { isMillraceError } from './errors.ts';

/** Deeper causes are not looked at; drivers and query builders wrap an error once or twice. */
const maxCauses = 5;

/** The class of an SQLSTATE is its first two characters; names of system errors such as EPIPE have none of these. */
const sqlStatePattern = /^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/;

/** The server ends, or refuses, the whole session. */
const sessionStates = new Set(['57P01', '57P02', '57P03', '57P05', '53300']);

/** What drivers say of a connection that failed, where they give no code. */
const connectionMessage = /connection|terminated|timeout|timed out|socket|not queryable/i;

/** What an error of a database call means to whoever made the call. */
export type DatabaseCause = 'serialization' | 'connection' | 'other';

/** The error and its causes, outermost first. */
function* chain(error: unknown): Generator<Error> {
  let current = error;
  for (let depth = 0; depth <= maxCauses && current instanceof Error; depth++) {
    yield current;
    current = current.cause;
  }
}

function codeOf(error: Error): string | undefined {
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The SQLSTATE that PostgreSQL gave, in the error itself or in one it wraps. */
export function sqlState(error: unknown): string | undefined {
  for (const link of chain(error)) {
    const code = codeOf(link);
    if (code !== undefined && sqlStatePattern.test(code)) return code;
  }
  return undefined;
}

export function databaseCause(error: unknown): DatabaseCause {
  const state = sqlState(error);
  if (state === '40001' || state === '40P01') return 'serialization';
  if (state !== undefined)
    return state.startsWith('08') || sessionStates.has(state) ? 'connection' : 'other';
  for (const link of chain(error)) {
    if (isMillraceError(link)) {
      if (link.code === 'MILLRACE_DB_UNREACHABLE') return 'connection';
      continue;
    }
    const code = codeOf(link);
    if (code === undefined ? connectionMessage.test(link.message) : /^E[A-Z_]+$/.test(code))
      return 'connection';
  }
  return 'other';
}

/**
 * True when the server itself refused the call and the session goes on: then nothing of it was written. After every other
 * error the call may have been carried out, or still may be.
 */
export function isRefusal(error: unknown): boolean {
  return sqlState(error) !== undefined && databaseCause(error) !== 'connection';
}
