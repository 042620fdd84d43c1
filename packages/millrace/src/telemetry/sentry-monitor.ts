/** A schedule as Sentry's monitors understand it. */
export interface MonitorConfig {
  readonly schedule:
    | { readonly type: 'crontab'; readonly value: string }
    | { readonly type: 'interval'; readonly value: number; readonly unit: 'minute' };
  readonly timezone?: string;
}

const minuteMs = 60_000;

/**
 * From the text of a schedule (see `FireTimes`). Undefined where Sentry has no such monitor: seconds, and what croner understands
 * beyond the five fields of crontab.
 */
export function monitorSchedule(spec: string): MonitorConfig | undefined {
  const interval = /^every (\d+)ms$/.exec(spec);
  if (interval !== null) {
    const value = Number(interval[1]) / minuteMs;
    return Number.isInteger(value) && value > 0
      ? { schedule: { type: 'interval', value, unit: 'minute' } }
      : undefined;
  }
  const [, value, timezone] = /^cron (@\w+|[^ @]+(?: [^ @]+){4}) (\S+)$/.exec(spec) ?? [];
  if (value === undefined || timezone === undefined || /[LW#+?]/.test(withoutNames(value)))
    return undefined;
  return { schedule: { type: 'crontab', value }, timezone };
}

/** Days and months by name contain letters that mean something alone. */
function withoutNames(expression: string): string {
  return expression.replaceAll(/[a-z]{3,}/gi, '');
}

/** Sentry's names of monitors are lower case and short. */
export function monitorSlug(schedule: string): string {
  const slug = schedule
    .toLowerCase()
    .replaceAll(/[^a-z\d_-]+/g, '-')
    .slice(0, 50);
  return slug === '' ? 'schedule' : slug;
}
