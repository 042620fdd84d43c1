import { describe, expect, it } from 'vitest';
import {
  databaseCause,
  databaseError,
  isRefusal,
  sqlState,
  type DatabaseCause,
} from './database-error.ts';
import { MillraceError } from './errors.ts';

const withCode = (code: unknown, message = 'x') => Object.assign(new Error(message), { code });
const wrapped = (cause: unknown) => new Error('query failed', { cause });

/** Prisma keeps what its adapter says below `meta`, and what PostgreSQL says below that, as a plain object. */
const ofPrisma = (code: string, cause: object, message = 'x') =>
  Object.assign(withCode(code), { meta: { driverAdapterError: new Error(message, { cause }) } });

describe('what a database error means', () => {
  it.each<[string, unknown, DatabaseCause, boolean]>([
    ['a serialization failure', withCode('40001'), 'serialization', true],
    ['a deadlock', withCode('40P01'), 'serialization', true],
    ['a broken constraint', withCode('23505'), 'other', true],
    [
      'a cancelled statement',
      withCode('57014', 'canceling statement due to timeout'),
      'other',
      true,
    ],
    ['a server that shuts down', withCode('57P01'), 'connection', false],
    ['too many connections', withCode('53300'), 'connection', false],
    ['a connection exception', withCode('08006'), 'connection', false],
    ['a refused connection', withCode('ECONNREFUSED'), 'connection', false],
    ['a broken pipe', withCode('EPIPE'), 'connection', false],
    [
      'a connection that ended',
      new Error('Connection terminated unexpectedly'),
      'connection',
      false,
    ],
    ['a timeout of the driver', new Error('Query read timeout'), 'connection', false],
    [
      'what we call unreachable',
      new MillraceError('MILLRACE_DB_UNREACHABLE', 'away'),
      'connection',
      false,
    ],
    [
      'an error of ours about something else, whatever its words',
      new MillraceError('MILLRACE_SCHEMA_MISSING', 'no schema at this connection'),
      'other',
      false,
    ],
    ['one that a query builder wraps', wrapped(wrapped(withCode('40001'))), 'serialization', true],
    [
      'one that Sequelize wraps',
      Object.assign(new Error('x'), { original: withCode('40P01') }),
      'serialization',
      true,
    ],
    [
      'one that TypeORM wraps',
      Object.assign(new Error('x'), { driverError: withCode('23505') }),
      'other',
      true,
    ],
    ['one that Prisma wraps', ofPrisma('P2034', { originalCode: '40001' }), 'serialization', true],
    [
      'a server that Prisma cannot reach',
      ofPrisma('P1001', { kind: 'DatabaseNotReachable' }, 'DatabaseNotReachable'),
      'connection',
      false,
    ],
    ['a lost connection that is wrapped', wrapped(withCode('ECONNRESET')), 'connection', false],
    [
      'ours around a lost connection',
      new MillraceError('MILLRACE_STOPPED', 'x', { cause: withCode('EPIPE') }),
      'connection',
      false,
    ],
    ['a bug', new TypeError('x is not a function'), 'other', false],
    ['a code that is no text', withCode(7), 'other', false],
    ['a code of somebody else', withCode('P2002x', 'timeout'), 'other', false],
    ['no error at all', 'connection refused', 'other', false],
    ['what a library wraps without a word', wrapped({}), 'other', false],
    [
      'an adapter of Prisma that says nothing',
      Object.assign(new Error('x'), { meta: { driverAdapterError: null } }),
      'other',
      false,
    ],
    ['a code that begins like one of the system', withCode('EPIPE7'), 'other', false],
    ['a code that ends like one of the system', withCode('MY_EPIPE'), 'other', false],
  ])('%s', (_, error, cause, refusal) => {
    expect(databaseCause(error)).toBe(cause);
    expect(isRefusal(error)).toBe(refusal);
  });

  it('the SQLSTATE is found in the error or in one that it wraps, not too deep', () => {
    expect(sqlState(wrapped(withCode('23514')))).toBe('23514');
    expect(sqlState(withCode('EPIPE'))).toBeUndefined();
    let deep: unknown = withCode('23514');
    for (let depth = 0; depth < 5; depth++) deep = wrapped(deep);
    expect(sqlState(deep)).toBe('23514');
    deep = withCode('23514');
    for (let depth = 0; depth < 6; depth++) deep = wrapped(deep);
    expect(sqlState(deep)).toBeUndefined();
    const circle = new Error('round');
    circle.cause = circle;
    expect(sqlState(circle)).toBeUndefined();
  });

  it('what PostgreSQL said is found with it', () => {
    const said = { sqlState: '3F000', message: 'no such schema' };
    expect(databaseError(wrapped(withCode('3F000', 'no such schema')))).toEqual(said);
    const original = { originalCode: '3F000', originalMessage: 'no such schema', message: 'x' };
    expect(databaseError(ofPrisma('P2010', original))).toEqual(said);
    expect(databaseError(ofPrisma('P2010', { originalCode: '3F000' }))).toEqual({
      ...said,
      message: '',
    });
    expect(databaseError(Object.assign(withCode('3F000'), { message: 5 }))).toEqual({
      ...said,
      message: '',
    });
    expect(databaseError(new Error('x'))).toBeUndefined();
  });
});

it.each(['57P01', '57P02', '57P03', '57P05', '53300'])('%s ends the session', (code) => {
  expect(databaseCause(withCode(code))).toBe('connection');
});

it.each(['X23505', '23505X', '2350', 'ABCDE'])('%s is no SQLSTATE', (code) => {
  expect(sqlState(withCode(code))).toBeUndefined();
});

it.each(['not queryable', 'not reachable', 'notReachable', 'Socket closed', 'timed out'])(
  'a driver that says %j has lost its connection',
  (message) => {
    expect(databaseCause(new Error(message))).toBe('connection');
  },
);
