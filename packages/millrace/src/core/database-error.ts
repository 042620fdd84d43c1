import { isMillraceError } from './errors.ts';

/** Deeper causes are not looked at; drivers and query builders wrap an error once or twice. */
const maxCauses = 5;

/** The class of an SQLSTATE is its first two characters; names of system errors such as EPIPE have none of these. */
const sqlStatePattern = /^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/;

/** The server ends, or refuses, the whole session. */
const sessionStates = new Set(['57P01', '57P02', '57P03', '57P05', '53300']);

/** What drivers say of a connection that failed, where they give no code. */
const connectionMessage =
  /connection|terminated|timeout|timed out|socket|not queryable|not\s?reachable/i;

/** What an error of a database call means to whoever made the call. */
export type DatabaseCause = 'serialization' | 'connection' | 'other';

/** What PostgreSQL said, as far as a driver or a library above it hands it on. */
export interface DatabaseError {
  readonly sqlState: string;
  readonly message: string;
}

/** An error, or what a library keeps in its place; with the names under which libraries keep what they wrap. */
interface Link {
  readonly message?: unknown;
  readonly originalMessage?: unknown;
  readonly code?: unknown;
  readonly originalCode?: unknown;
  readonly cause?: unknown;
  readonly original?: unknown;
  readonly driverError?: unknown;
  readonly meta?: { readonly driverAdapterError?: unknown } | null;
}

/** The error and its causes, outermost first. */
function* chain(error: unknown): Generator<Link> {
  let current: unknown = error instanceof Error ? error : undefined;
  for (let depth = 0; depth <= maxCauses && isLink(current); depth++) {
    yield current;
    const { cause, original, driverError, meta } = current;
    current = cause ?? original ?? driverError ?? meta?.driverAdapterError;
  }
}

function isLink(value: unknown): value is Link {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function codeOf(link: Link): string | undefined {
  return text(link.code) ?? text(link.originalCode);
}

/** The error of PostgreSQL's, in the error itself or in one it wraps. */
export function databaseError(error: unknown): DatabaseError | undefined {
  for (const link of chain(error)) {
    const code = codeOf(link);
    if (code === undefined || !sqlStatePattern.test(code)) continue;
    return { sqlState: code, message: text(link.originalMessage) ?? text(link.message) ?? '' };
  }
  return undefined;
}

/** The SQLSTATE that PostgreSQL gave. */
export function sqlState(error: unknown): string | undefined {
  return databaseError(error)?.sqlState;
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
    const message = text(link.message) ?? '';
    if (code === undefined ? connectionMessage.test(message) : /^E[A-Z_]+$/.test(code))
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
