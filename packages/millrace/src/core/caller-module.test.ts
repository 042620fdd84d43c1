import { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { callerModule } from './caller-module.ts';

function called(): string | undefined {
  return callerModule(called);
}

const from = (filename: string) =>
  (runInThisContext('(called) => called()', { filename }) as (of: typeof called) => unknown)(
    called,
  );

describe('the file of whoever called', () => {
  it('is this one', () => {
    expect(called()).toBe(import.meta.url);
  });

  it.each([
    ['file:///a/b.js', 'file:///a/b.js'],
    ['/a b/ü#?.js', 'file:///a%20b/%C3%BC%23%3F.js'],
    [String.raw`C:\a\b.js`, 'file:///C:/a/b.js'],
    ['evalmachine.<anonymous>', undefined],
    ['node:internal/x', undefined],
  ])('%s: %s', (filename, url) => {
    expect(from(filename)).toBe(url);
  });

  it('cannot be told where nobody called', () => {
    expect(callerModule(() => undefined)).toBeUndefined();
  });

  it('is told where nothing writes stacks in a way of its own, and nothing does afterwards', () => {
    const own = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
    Reflect.deleteProperty(Error, 'prepareStackTrace');
    try {
      expect(called()).toBe(import.meta.url);
      expect(Object.hasOwn(Error, 'prepareStackTrace')).toBe(false);
    } finally {
      if (own !== undefined) Object.defineProperty(Error, 'prepareStackTrace', own);
    }
  });

  it('is told however stacks are written, and leaves that as it was', () => {
    const { stackTraceLimit } = Error;
    const write = () => 'mine';
    Error.prepareStackTrace = write;
    Error.stackTraceLimit = 0;
    try {
      expect(called()).toBe(import.meta.url);
      expect([new Error('x').stack, Error.stackTraceLimit]).toEqual(['mine', 0]);
    } finally {
      Reflect.deleteProperty(Error, 'prepareStackTrace');
      Error.stackTraceLimit = stackTraceLimit;
    }
  });
});
