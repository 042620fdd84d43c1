import { describe, expect, it } from 'vitest';
import { becomeIsolated, isolatedAt, isolateSettings, refuseWhereIsolated } from './isolation.ts';

const invalid = (message: string) =>
  expect.objectContaining({ code: 'MILLRACE_OPTION_INVALID', message }) as unknown;
const unknown = expect.objectContaining({ code: 'MILLRACE_OPTION_UNKNOWN' }) as unknown;

/** What `defineJob` does: the settings are of the file that calls it. */
function settingsOf(value: unknown, isTransactional = false) {
  return isolateSettings(value, 'resize', isTransactional, settingsOf);
}
/** Nobody calls it, so nobody's file can be told. */
const uncalled = () => undefined;

const complete = {
  in: 'process',
  module: import.meta.url,
  isNamed: false,
  memoryMb: 512,
  killAfterMs: 1_000,
};

describe('isolate of a definition', () => {
  it('may be left out', () => {
    expect(settingsOf(undefined)).toBeUndefined();
  });

  it.each<[unknown, object]>([
    ['process', {}],
    ['thread', { in: 'thread' }],
    [{}, {}],
    [
      { in: 'thread', memoryMb: 64, killAfter: '5s' },
      { in: 'thread', memoryMb: 64, killAfterMs: 5_000 },
    ],
    [{ module: 'file:///a/b.js' }, { module: 'file:///a/b.js', isNamed: true }],
    [{ module: new URL('file:///a/b.js') }, { module: 'file:///a/b.js', isNamed: true }],
  ])('%j is completed, by the file that defines the job where it names no module', (value, own) => {
    expect(settingsOf(value)).toEqual({ ...complete, ...own });
  });

  it.each<[unknown, unknown]>([
    ['worker', invalid('resize.isolate must be an object, not "worker"')],
    [{ on: 'thread' }, unknown],
    [{ module: 'https://a/b.js' }, invalid('resize.isolate.module must be import.meta.url')],
    [{ module: 5 }, invalid('resize.isolate.module must be import.meta.url')],
  ])('refuses %j', (value, error) => {
    expect(() => settingsOf(value)).toThrow(error);
  });

  it('is refused with a transaction, whose connection is in the process of the worker', () => {
    expect(() => settingsOf('thread', true)).toThrow(
      invalid(
        "resize.isolate: a handler with a transaction runs in the worker's own process; leave out one of the two",
      ),
    );
  });

  it('has to name its module where no file can be told', () => {
    expect(() => isolateSettings('thread', 'resize', false, uncalled)).toThrow(
      invalid(
        'resize.isolate: the file of the definition cannot be told; say { module: import.meta.url }',
      ),
    );
  });
});

describe('a handler that is given elsewhere', () => {
  function handled(settings: Parameters<typeof isolatedAt>[0]) {
    return isolatedAt(settings, 'resize', handled);
  }

  it('runs in the module of whoever gives it, unless the definition names one', () => {
    const found = { ...complete, in: 'thread', module: 'file:///of/definition.ts' } as const;
    expect(handled(found)).toEqual({ ...found, module: import.meta.url });
    const named = { ...found, isNamed: true };
    expect(handled(named)).toBe(named);
    expect(handled(undefined)).toBeUndefined();
  });

  it('has to name its module where no file can be told', () => {
    const found = { ...complete, in: 'thread' } as const;
    expect(() => isolatedAt(found, 'resize', uncalled)).toThrow(
      invalid(
        'resize.isolate: the file of the definition cannot be told; say { module: import.meta.url }',
      ),
    );
  });
});

it('what runs isolated handlers refuses to start a worker, and nothing else does', () => {
  refuseWhereIsolated('worker');
  becomeIsolated();
  expect(() => refuseWhereIsolated('worker')).toThrow(
    expect.objectContaining({
      code: 'MILLRACE_ISOLATE_MODULE_INVALID',
      message: 'the module of an isolated job makes a worker when it is imported',
    }),
  );
});

it('another copy of the package knows by the same name that it is isolated', () => {
  becomeIsolated();
  expect(Symbol.for('millrace.isolated') in globalThis).toBe(true);
});
