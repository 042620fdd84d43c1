import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cron } from './cron.ts';
import { every } from './schedule.ts';
import { fireTimesOf } from './schedule-spec.ts';

it('the spec of any interval reads back as fire times of the same meaning', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000, max: 10_000_000 }),
      fc.integer({ min: 0, max: 2e12 }),
      fc.integer({ min: 0, max: 2e12 }),
      (stepMs, afterMs, anchorMs) => {
        const times = every(stepMs);
        expect(fireTimesOf(times.spec)?.next(afterMs, anchorMs)).toBe(
          times.next(afterMs, anchorMs),
        );
      },
    ),
  );
});

it.each([
  ['0 3 * * *', 'Europe/Berlin'],
  ['*/5 * * * * *', 'UTC'],
  ['@daily', 'America/Los_Angeles'],
])(
  'the spec of cron %s in %s reads back as fire times of the same meaning',
  (expression, timeZone) => {
    const times = cron(expression, { timeZone });
    const afterMs = Date.UTC(2026, 2, 28);
    expect(fireTimesOf(times.spec)?.next(afterMs, 0)).toBe(times.next(afterMs, 0));
  },
);

it.each([
  '',
  'every 5ms',
  'every 1.5s',
  'every 01000ms',
  'xevery 1000ms',
  'every 1000msx',
  'xcron 0 3 * * * UTC',
  'cron 0 3 * * * UTC ',
  'cron',
  'cron 99 * * * * UTC',
  'cron 0 3 * * * Mars/Base',
  'when it rains',
])('a spec that this release does not write is not guessed at: %j', (spec) => {
  expect(fireTimesOf(spec)).toBeNull();
});
