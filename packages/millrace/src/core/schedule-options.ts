import { MillraceError } from './errors.ts';
import { checkOptions, missedChecks, scheduleChecks } from './options.ts';
import type { EmptyPayload } from './payload.ts';
import { missedRule, type FireTimes, type MissedPolicy, type MissedRule } from './schedule.ts';

/** When a definition is enqueued by the clock. */
export interface ScheduleOptions<Input> {
  /** `every(…)` or `cron(…)`. */
  readonly at: FireTimes;
  /** A name of its own for each schedule of a definition that has several. Default: the kind. */
  readonly name?: string;
  /** Makes the payload of each job; it is called once per fire time. Default: an empty object. */
  readonly payload?: (fire: { readonly fireTime: Date }) => Input;
  /** What becomes of fire times that nobody fired. Default: `skip` for intervals, `once` for cron. */
  readonly missed?: MissedPolicy;
  /** Intervals only: fire once when a scheduler starts while no other lives, and count from then. Default false. */
  readonly runOnStart?: boolean;
}

/** What `schedule` of a definition takes. */
export type ScheduleOf<Input> = EmptyPayload extends Input
  ? FireTimes | ScheduleOptions<Input> | readonly ScheduleOptions<Input>[]
  : ScheduleWithPayload<Input> | readonly ScheduleWithPayload<Input>[];

type ScheduleWithPayload<Input> = ScheduleOptions<Input> &
  Required<Pick<ScheduleOptions<Input>, 'payload'>>;

/** One schedule of a definition, completed and judged. */
export interface Schedule {
  readonly name: string;
  readonly times: FireTimes;
  readonly rule: MissedRule;
  readonly runOnStart: boolean;
  readonly payload: (fire: { readonly fireTime: Date }) => unknown;
}

/** @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID, MILLRACE_DURATION_INVALID */
export function scheduleSettings(value: unknown, kind: string): readonly Schedule[] {
  if (value === undefined) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const schedules = list.map((item) => scheduleOf(isFireTimes(item) ? { at: item } : item, kind));
  for (const { name } of schedules) {
    if (schedules.filter((other) => other.name === name).length > 1) {
      throw new MillraceError(
        'MILLRACE_OPTION_INVALID',
        `${kind}.schedule: two schedules are called '${name}'; give each a name`,
      );
    }
  }
  return schedules;
}

function scheduleOf(item: unknown, kind: string): Schedule {
  const what = `${kind}.schedule`;
  const checked = checkOptions(scheduleChecks, item, what);
  const times = checked.at;
  if (!isFireTimes(times)) {
    throw new MillraceError('MILLRACE_OPTION_INVALID', `${what}.at must be every(…) or cron(…)`);
  }
  if (checked.runOnStart === true && times.type !== 'interval') {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      `${what}.runOnStart goes with every(…) only`,
    );
  }
  return {
    name: checked.name ?? kind,
    times,
    rule: missedRule(missedPolicy(checked.missed, times, what)),
    runOnStart: checked.runOnStart ?? false,
    payload: (checked.payload as Schedule['payload'] | undefined) ?? (() => ({})),
  };
}

function missedPolicy(value: unknown, times: FireTimes, what: string): MissedPolicy {
  if (value === undefined) return times.type === 'interval' ? 'skip' : 'once';
  if (value === 'skip' || value === 'once') return value;
  if (typeof value === 'object') {
    const { all } = checkOptions(missedChecks, value, `${what}.missed`);
    if (all !== undefined) return { all };
  }
  throw new MillraceError(
    'MILLRACE_OPTION_INVALID',
    `${what}.missed must be 'skip', 'once' or { all: '1d' }`,
  );
}

function isFireTimes(value: unknown): value is FireTimes {
  return typeof value === 'object' && value !== null && 'spec' in value && 'next' in value;
}
