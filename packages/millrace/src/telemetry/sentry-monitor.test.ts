import { expect, it } from 'vitest';
import { cron } from '../core/cron.ts';
import { every } from '../core/schedule.ts';
import { monitorSchedule, monitorSlug } from './sentry-monitor.ts';

it.each([
  [every('15m'), { schedule: { type: 'interval', value: 15, unit: 'minute' } }],
  [every('30s'), undefined],
  [every('90s'), undefined],
  [cron('0 3 * * MON'), { schedule: { type: 'crontab', value: '0 3 * * MON' }, timezone: 'UTC' }],
  [
    cron('*/5 8-18 * JUL,AUG 1-5', { timeZone: 'Europe/Berlin' }),
    { schedule: { type: 'crontab', value: '*/5 8-18 * JUL,AUG 1-5' }, timezone: 'Europe/Berlin' },
  ],
  [cron('@daily'), { schedule: { type: 'crontab', value: '@daily' }, timezone: 'UTC' }],
  [cron('0 0 3 * * *'), undefined],
  [cron('0 0 L * *'), undefined],
  [cron('0 0 * * 5#2'), undefined],
])('$spec becomes a monitor, or none', ({ spec }, config) => {
  expect(monitorSchedule(spec)).toEqual(config);
});

it('the names of monitors are what Sentry accepts', () => {
  expect(monitorSlug('Rückblick der Woche / täglich')).toBe('r-ckblick-der-woche-t-glich');
  expect(monitorSlug('x'.repeat(80))).toHaveLength(50);
});
