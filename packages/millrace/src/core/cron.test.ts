import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cron } from './cron.ts';
import type { FireTimes } from './schedule.ts';

/** The next fire times, in UTC, up to the minute or the second. */
function runs(times: FireTimes, after: string, count: number): string[] {
  const found: string[] = [];
  let at: number | null = Date.parse(after);
  while (found.length < count && at !== null) {
    at = times.next(at, 0);
    if (at !== null) found.push(new Date(at).toISOString().replace(/(:00)?\.000Z$/, ''));
  }
  return found;
}

const berlin = (expression: string) => cron(expression, { timeZone: 'Europe/Berlin' });
const lordHowe = (expression: string) => cron(expression, { timeZone: 'Australia/Lord_Howe' });

describe('expressions', () => {
  it.each([
    ['0 3 * * *', ['2026-01-01T03:00', '2026-01-02T03:00']],
    ['*/20 9-10 * * MON-FRI', ['2026-01-01T09:00', '2026-01-01T09:20']],
    ['30 0 12 * * *', ['2026-01-01T12:00:30', '2026-01-02T12:00:30']],
    ['0 0 L FEB *', ['2026-02-28T00:00', '2027-02-28T00:00']],
    ['0 0 LW * *', ['2026-01-30T00:00', '2026-02-27T00:00']],
    ['0 0 15W * *', ['2026-01-15T00:00', '2026-02-16T00:00']],
    ['0 0 * * MON#2', ['2026-01-12T00:00', '2026-02-09T00:00']],
    ['0 0 29 2 *', ['2028-02-29T00:00', '2032-02-29T00:00']],
    ['@daily', ['2026-01-02T00:00', '2026-01-03T00:00']],
    ['0 0 13 * FRI', ['2026-01-02T00:00', '2026-01-09T00:00']],
    ['0 0 13 * +FRI', ['2026-02-13T00:00', '2026-03-13T00:00']],
  ])('%s, in UTC by default', (expression, expected) => {
    expect(runs(cron(expression), '2026-01-01T00:00:00Z', 2)).toEqual(expected);
  });

  it('the spec names expression and zone, whatever the spaces', () => {
    expect(cron('  0  3 * *\t* ').spec).toBe('cron 0 3 * * * UTC');
    expect(berlin('0 3 * * *').spec).toBe('cron 0 3 * * * Europe/Berlin');
    expect(cron('0 3 * * *').type).toBe('cron');
  });

  it.each([
    '',
    '* * * *',
    '61 * * * *',
    '0 24 * * *',
    '0 0 * * 8',
    '*/0 * * * *',
    '5/5 * * * *',
    'H * * * *',
    '@reboot',
    '0 0 0 1 1 * 2030',
    '2030-01-01T00:00:00Z',
    new Date(3e12),
    null,
    undefined,
    7,
  ])('refuses %o when it is defined', (expression) => {
    expect(() => cron(expression as string)).toThrow(
      expect.objectContaining({
        code: 'MILLRACE_CRON_INVALID',
        message: expect.not.stringContaining('CronPattern') as unknown,
      }),
    );
  });

  it.each<[unknown, string]>([
    [7, 'cron 7: not a cron expression'],
    ['03:00', 'cron "03:00": not a cron expression'],
    ['H * * * *', 'cron "H * * * *": configuration entry 1 (H)'],
  ])('says of %j why it is refused', (expression, message) => {
    expect(() => cron(expression as string)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(message) as unknown,
        cause: expect.any(Error) as unknown,
      }),
    );
  });

  it.each(['0 0 31 2 *', '0 0 30 2 *', '0 0 31 4,6,9,11 *'])(
    'refuses %s, a date that no year has, when it is defined',
    (expression) => {
      expect(() => cron(expression)).toThrow(
        expect.objectContaining({
          code: 'MILLRACE_CRON_INVALID',
          message: `cron "${expression}" never fires`,
        }),
      );
    },
  );

  it.each(['Mars/Olympus', '', 'Z', 7])('refuses the zone %o when it is defined', (zone) => {
    expect(() => cron('0 3 * * *', { timeZone: zone as string })).toThrow(
      expect.objectContaining({
        code: 'MILLRACE_TIME_ZONE_INVALID',
        message: `${JSON.stringify(zone)} is not a time zone`,
        cause: expect.any(RangeError) as unknown,
      }),
    );
  });

  it('a mistyped option is refused with the one that was meant', () => {
    expect(() => cron('0 3 * * *', { timezone: 'UTC' } as object)).toThrow(
      "did you mean 'timeZone'?",
    );
  });

  it('keeps no timer', () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const times = berlin('* * * * *');
    times.next(0, 0);
    times.latest(0, 0);
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(
      before,
    );
  });
});

describe('G13: daylight saving, Europe/Berlin (60 min): 02:00 → 03:00 on 29 March, 03:00 → 02:00 on 25 October 2026', () => {
  const beforeGap = '2026-03-28T12:00:00Z';
  const beforeRepeat = '2026-10-24T12:00:00Z';

  it('a time of day that does not exist fires once, at the first moment after the gap', () => {
    expect(runs(berlin('30 2 * * *'), beforeGap, 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ]);
    expect(runs(berlin('0 2 * * *'), beforeGap, 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:00',
    ]);
  });

  it('several times of day inside one gap, or at its end, fire once together', () => {
    expect(runs(berlin('15,45 2 * * *'), beforeGap, 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:15',
    ]);
    expect(runs(berlin('0 2,3,14 * * *'), beforeGap, 3)).toEqual([
      '2026-03-28T13:00',
      '2026-03-29T01:00',
      '2026-03-29T12:00',
    ]);
  });

  it('a time of day that exists twice fires once, the first time', () => {
    expect(runs(berlin('30 2 * * *'), beforeRepeat, 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ]);
    expect(runs(berlin('30 2,14 * * *'), beforeRepeat, 3)).toEqual([
      '2026-10-24T12:30',
      '2026-10-25T00:30',
      '2026-10-25T13:30',
    ]);
  });

  it('every hour fires in every real hour, over the gap and over the repeat', () => {
    expect(runs(berlin('0 * * * *'), '2026-03-28T23:30:00Z', 4)).toEqual([
      '2026-03-29T00:00',
      '2026-03-29T01:00',
      '2026-03-29T02:00',
      '2026-03-29T03:00',
    ]);
    expect(runs(berlin('0 * * * *'), '2026-10-24T22:30:00Z', 4)).toEqual([
      '2026-10-24T23:00',
      '2026-10-25T00:00',
      '2026-10-25T01:00',
      '2026-10-25T02:00',
    ]);
  });

  it('a step follows the clock on the wall: not in the gap, twice in the repeat', () => {
    expect(runs(berlin('*/30 2 * * *'), beforeGap, 1)).toEqual(['2026-03-30T00:00']);
    expect(runs(berlin('*/30 2 * * *'), beforeRepeat, 4)).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T00:30',
      '2026-10-25T01:00',
      '2026-10-25T01:30',
    ]);
  });
});

describe('G13: daylight saving, Australia/Lord_Howe (30 min): 02:00 → 02:30 on 4 October, 02:00 → 01:30 on 5 April 2026', () => {
  const beforeGap = '2026-10-03T04:00:00Z';
  const beforeRepeat = '2026-04-04T04:00:00Z';

  it('a time of day that does not exist fires once, at the first moment after the gap', () => {
    expect(runs(lordHowe('15 2 * * *'), beforeGap, 2)).toEqual([
      '2026-10-03T15:30',
      '2026-10-04T15:15',
    ]);
    expect(runs(lordHowe('0,15 2 * * *'), beforeGap, 2)).toEqual([
      '2026-10-03T15:30',
      '2026-10-04T15:00',
    ]);
  });

  it('a time of day that exists twice fires once, the first time', () => {
    expect(runs(lordHowe('45 1 * * *'), beforeRepeat, 2)).toEqual([
      '2026-04-04T14:45',
      '2026-04-05T15:15',
    ]);
  });

  it('every hour follows the clock on the wall: the hour of the change lasts 30 min less, or more', () => {
    expect(runs(lordHowe('0 * * * *'), '2026-10-03T13:45:00Z', 3)).toEqual([
      '2026-10-03T14:30',
      '2026-10-03T16:00',
      '2026-10-03T17:00',
    ]);
    expect(runs(lordHowe('0 * * * *'), '2026-04-04T13:30:00Z', 3)).toEqual([
      '2026-04-04T14:00',
      '2026-04-04T15:30',
      '2026-04-04T16:30',
    ]);
    expect(runs(lordHowe('45 * * * *'), '2026-04-04T14:00:00Z', 3)).toEqual([
      '2026-04-04T14:45',
      '2026-04-04T15:15',
      '2026-04-04T16:15',
    ]);
  });
});

describe('next and latest', () => {
  const change = (at: string) => Date.parse(at);
  const changes = [
    ['Europe/Berlin', change('2026-03-29T01:00:00Z')],
    ['Europe/Berlin', change('2026-10-25T01:00:00Z')],
    ['Australia/Lord_Howe', change('2026-10-03T15:30:00Z')],
    ['Australia/Lord_Howe', change('2026-04-04T15:00:00Z')],
    ['UTC', change('2026-01-01T00:00:00Z')],
  ] as const;
  const expressions = [
    '0 * * * *',
    '*/7 * * * *',
    '30 2 * * *',
    '0 2 * * *',
    '15,45 1-2 * * *',
    '*/30 1-2 * * *',
    '*/20 * * * * *',
    '0 0 * * SUN',
    '59 1 * * *',
  ];
  const anyCase = fc.record({
    zone: fc.constantFrom(...changes),
    expression: fc.constantFrom(...expressions),
    offset: fc.integer({ min: -10_000_000, max: 10_000_000 }),
  });

  it('agree around every change: latest includes the moment itself, nothing lies between the two', () => {
    fc.assert(
      fc.property(anyCase, ({ zone: [timeZone, changeMs], expression, offset }) => {
        const times = cron(expression, { timeZone });
        const at = changeMs + offset;
        const latest = times.latest(at, 0) as number;
        const next = times.next(at, 0) as number;
        expect(latest).toBeLessThanOrEqual(at);
        expect(next).toBeGreaterThan(at);
        expect(times.next(latest, 0)).toBe(next);
        expect(times.latest(next, 0)).toBe(next);
        expect(times.latest(next - 1, 0)).toBe(latest);
      }),
      { numRuns: 200 },
    );
  });

  it('latest looks at milliseconds: a fire time has come from its first one', () => {
    const times = cron('0 * * * *');
    const one = Date.parse('2026-01-01T01:00:00Z');
    expect([one - 1, one, one + 1, one + 999].map((at) => times.latest(at, 0))).toEqual([
      one - 3_600_000,
      one,
      one,
      one,
    ]);
  });

  it('latest is null before the first time there can be', () => {
    expect(cron('0 0 29 2 +MON').latest(Date.parse('0001-01-05T00:00:00Z'), 0)).toBeNull();
  });
});
