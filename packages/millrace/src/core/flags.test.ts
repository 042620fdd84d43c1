import { describe, expect, it } from 'vitest';
import { enabledOf, flag, flagSourceOf, type FlagOptions } from './flags.ts';

const invalid = (message: unknown) =>
  expect.objectContaining({ code: 'MILLRACE_OPTION_INVALID', message }) as unknown;

describe('flag', () => {
  it('lets its jobs run where nobody knows it, unless it says otherwise', () => {
    expect(flag('mail')).toEqual({ flag: 'mail', fallback: true });
    expect(flag('mail', { default: false })).toEqual({ flag: 'mail', fallback: false });
  });

  it('is the same for everybody who holds it', () => {
    expect(Object.isFrozen(flag('mail'))).toBe(true);
  });

  it.each<[string, unknown, unknown]>([
    ['', {}, 'flag must be text of 1 to 200 characters, not ""'],
    ['x'.repeat(201), {}, expect.stringMatching(/^flag must be text of 1 to 200 characters/)],
    ['mail', { default: 'on' }, 'flag.default must be true or false, not "on"'],
  ])('refuses the name %j with %j', (name, options, message) => {
    expect(() => flag(name, options as FlagOptions)).toThrow(invalid(message));
  });
});

describe('enabled of a definition', () => {
  const ask = () => true;
  it.each([[undefined], [ask], [flag('mail')]])('may be %o', (value) => {
    expect(enabledOf(value, 'a.enabled')).toBe(value);
  });

  it.each([[true], [null], ['mail'], [{ flag: 'mail' }], [{ fallback: true }]])(
    'is not %o',
    (value) => {
      expect(() => enabledOf(value, 'a.enabled')).toThrow(
        invalid('a.enabled must be flag(…) or a function'),
      );
    },
  );
});

describe('a source of flags', () => {
  const ask = () => 0;
  it('answers all three types, or is missing', () => {
    const source = { boolean: ask, number: ask, string: ask };
    expect(flagSourceOf(source)).toBe(source);
    expect(flagSourceOf(undefined)).toBeUndefined();
  });

  it.each([
    [null],
    [5],
    [Object.assign(() => 1, { boolean: ask, number: ask, string: ask })],
    [{ number: ask, string: ask }],
    [{ boolean: ask, string: ask }],
    [{ boolean: ask, number: ask }],
    [{ boolean: ask, number: ask, string: 'x' }],
  ])('is not %o', (value) => {
    expect(() => flagSourceOf(value)).toThrow(
      invalid(
        'createMillrace.flags must be what openFeature(…) answers, or have boolean, number and string',
      ),
    );
  });
});
