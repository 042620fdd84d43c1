import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationMs, formatDuration, type Duration } from './duration.ts';

describe('durationMs', () => {
  it.each<[Duration, number]>([
    [0, 0],
    [1_500, 1_500],
    [0.4, 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['36525d', 3_155_760_000_000],
  ])('%o is %i ms', (value, ms) => {
    expect(durationMs(value)).toBe(ms);
  });

  it.each([
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    3_155_760_000_001,
    '',
    '5',
    's',
    '5 m',
    '-5s',
    '1e3s',
    '5y',
    '5S',
    '36526d',
    null,
    undefined,
    5n,
    {},
    Object.create(null),
    Symbol('s'),
  ])('refuses %o and names the option', (value) => {
    expect(() => durationMs(value as Duration, 'job.timeout')).toThrow(
      expect.objectContaining({
        code: 'MILLRACE_DURATION_INVALID',
        message: expect.stringMatching(/^job\.timeout: .* is not a duration$/) as unknown,
      }),
    );
  });

  it('shows what it refused, shortened', () => {
    expect(() => durationMs('soon' as Duration)).toThrow('duration: "soon" is not a duration');
    expect(() => durationMs(`${'9'.repeat(1e6)}s` as Duration)).toThrow(/^.{1,250}$/);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0ms'],
    [999.4, '999ms'],
    [999.6, '1s'],
    [59_999, '1m'],
    [90_000, '1m 30s'],
    [3_605_000, '1h'],
    [3_660_000, '1h 1m'],
    [86_400_000, '1d'],
    [90_061_000, '1d 1h'],
    [864_000_000_000, '10000d'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('is off by less than the smaller of the two units that it shows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_155_760_000_000 }), (ms) => {
        const parts = formatDuration(ms).split(' ') as Duration[];
        const shown = parts.reduce<number>((sum, part) => sum + durationMs(part), 0);
        const smallest = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
        const unit = /[a-z]+$/.exec(parts.at(-1) as string)?.[0] as keyof typeof smallest;
        expect(Math.abs(shown - ms)).toBeLessThan(smallest[unit]);
      }),
    );
  });
});

it.each<[string, number]>([
  ['15m', 900_000],
  ['1.25s', 1_250],
  [' 5s ', 5_000],
])('%j is %d ms', (text, ms) => {
  expect(durationMs(text as Duration)).toBe(ms);
});

it.each(['x5s', '5sx', '1.xs', '1.s', '5'])('%j is no duration', (text) => {
  expect(() => durationMs(text as Duration)).toThrow(`duration: "${text}" is not a duration`);
});
