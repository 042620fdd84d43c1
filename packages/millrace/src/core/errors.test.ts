import { describe, expect, it } from 'vitest';
import { errorCodes, isMillraceError, MillraceError } from './errors.ts';

describe('errors', () => {
  it.each(errorCodes)('%s says in one line what to do', (code) => {
    const error = new MillraceError(code, 'it went wrong');
    expect(code).toMatch(/^MILLRACE_[A-Z_]+$/);
    expect(error.remedy).toMatch(/^[A-Z].{10,200}[.;]?$/);
  });

  it('carry name, code, message and cause', () => {
    const cause = new Error('below');
    const error = new MillraceError('MILLRACE_STOPPED', 'no more', { cause });
    expect(error).toMatchObject({
      name: 'MillraceError',
      code: 'MILLRACE_STOPPED',
      message: 'no more',
      cause,
    });
    expect(error).toBeInstanceOf(Error);
  });

  it('are recognized across two copies of the package', async () => {
    const another = './errors.ts?another';
    const copy = (await import(another)) as typeof import('./errors.ts');
    expect(copy.MillraceError).not.toBe(MillraceError);
    const error = new copy.MillraceError('MILLRACE_STOPPED', 'no more');
    expect(isMillraceError(error)).toBe(true);
    expect(isMillraceError(error, 'MILLRACE_STOPPED')).toBe(true);
    expect(isMillraceError(error, 'MILLRACE_LEASE_LOST')).toBe(false);
  });

  it('are told from the errors of others', () => {
    const others = [
      new Error('x'),
      Object.assign(new Error('x'), { code: 'ECONNREFUSED' }),
      Object.assign(new Error('x'), { code: 'toString' }),
      Object.assign(new Error('x'), { code: 5 }),
      { code: 'MILLRACE_STOPPED' },
      'MILLRACE_STOPPED',
      null,
      undefined,
    ];
    expect(others.filter((other) => isMillraceError(other))).toEqual([]);
  });
});
