import { Cron } from 'croner';
import { MillraceError } from './errors.ts';
import { checkOptions, cronChecks } from './options.ts';
import type { FireTimes } from './schedule.ts';
import { show } from './text.ts';

/** What `cron` takes beside the expression. */
export interface CronOptions {
  /** A name of the IANA time zone database. Default `UTC`. */
  readonly timeZone?: string;
}

/**
 * Fires at the times of a cron expression: `minute hour day month weekday`, optionally with seconds first. Names
 * (`MON`, `JAN`), lists, ranges, steps, `L`, `W`, `#` and nicknames (`@daily`) are understood. Of a day and a weekday
 * one must match; both, when the weekday begins with `+`.
 *
 * Daylight saving. Where second, minute and hour are written without `*` and step, a time of day that does not exist
 * fires once, at the first moment after the gap, and one that exists twice fires once, the first time. Any other
 * expression follows the clock on the wall: it fires at every moment at which that clock shows a matching time, so
 * that `0 * * * *` fires in every real hour of a change by a whole hour.
 * @throws MILLRACE_CRON_INVALID for a malformed expression and for one that never fires
 * @throws MILLRACE_TIME_ZONE_INVALID
 */
export function cron(expression: string, options: CronOptions = {}): FireTimes {
  checkOptions(cronChecks, options, 'cron');
  const timeZone = options.timeZone ?? 'UTC';
  checkTimeZone(timeZone);
  const pattern = parse(expression, timeZone);
  if (pattern.nextRun(new Date(0)) === null) {
    throw new MillraceError('MILLRACE_CRON_INVALID', `cron ${show(expression)} never fires`);
  }
  const toMs = (date: Date | null | undefined) => date?.getTime() ?? null;
  return {
    type: 'cron',
    spec: `cron ${expression.trim().replaceAll(/\s+/g, ' ')} ${timeZone}`,
    next: (afterMs) => toMs(pattern.nextRun(new Date(afterMs))),
    // The library answers with runs strictly before the given moment.
    latest: (atMs) => toMs(pattern.previousRuns(1, new Date(atMs + 1))[0]),
  };
}

function parse(expression: string, timezone: string): Cron {
  try {
    // The library also takes dates, and a seventh field for the year: such schedules would end one day.
    if (typeof expression !== 'string' || expression.includes(':'))
      throw new Error('not a cron expression');
    return new Cron(expression, {
      timezone,
      paused: true,
      mode: '5-or-6-parts',
      fixedTimeRule: 'no-wildcard',
    });
  } catch (error) {
    const reason = (error as Error).message.replace(/^CronPattern: /, '');
    throw new MillraceError('MILLRACE_CRON_INVALID', `cron ${show(expression)}: ${reason}`, {
      cause: error,
    });
  }
}

function checkTimeZone(timeZone: string): void {
  try {
    Intl.DateTimeFormat('en', { timeZone });
  } catch (error) {
    throw new MillraceError('MILLRACE_TIME_ZONE_INVALID', `${show(timeZone)} is not a time zone`, {
      cause: error,
    });
  }
}
