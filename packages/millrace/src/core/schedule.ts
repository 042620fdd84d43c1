import { durationMs, type Duration } from './duration.ts';
import { MillraceError } from './errors.ts';

/** When a schedule fires, as a value with no clock of its own: milliseconds since 1970 in, milliseconds out. */
export interface FireTimes {
  readonly type: 'interval' | 'cron';
  /** The whole meaning as text. Two values with the same text fire at the same times from the same anchor. */
  readonly spec: string;
  /** The first fire time after `afterMs`, or null when there is none any more. */
  next(afterMs: number, anchorMs: number): number | null;
  /** The last fire time at or before `atMs`, or null when there is none. */
  latest(atMs: number, anchorMs: number): number | null;
}

/**
 * Fires at anchor + k × interval, k = 0, 1, 2, …; the anchor is the moment at which the schedule was first seen, or at
 * which its interval changed, and is kept in the database. The times do not drift.
 * @param interval At least one second.
 * @throws MILLRACE_DURATION_INVALID, MILLRACE_OPTION_INVALID
 */
export function every(interval: Duration): FireTimes {
  const stepMs = durationMs(interval, 'every');
  if (stepMs < 1_000) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      `every: ${interval} is shorter than one second`,
    );
  }
  return {
    type: 'interval',
    spec: `every ${stepMs}ms`,
    next: (afterMs, anchorMs) =>
      anchorMs + Math.max(0, Math.floor((afterMs - anchorMs) / stepMs) + 1) * stepMs,
    latest: (atMs, anchorMs) => {
      const count = Math.floor((atMs - anchorMs) / stepMs);
      return count < 0 ? null : anchorMs + count * stepMs;
    },
  };
}

/**
 * What becomes of fire times that nobody fired within 30 s, because no scheduler lived or the database was away:
 * `skip` lets them go, `once` fires the latest of them, `all` fires every one that is not older than `within`.
 */
export type MissedPolicy = 'skip' | 'once' | { readonly all: Duration };

/** The policy as the planner uses it: how far back missed times are fired, and whether only the latest. */
export interface MissedRule {
  readonly windowMs: number;
  readonly onlyLatest: boolean;
}

/** A fire time later than this is missed rather than late. Long enough for a restart of every scheduler. */
export const missedAfterMs = 30_000;

/** More fire times than this are not fired in one pass; the next pass goes on. */
const maxFiresPerPass = 1_000;

export function missedRule(policy: MissedPolicy): MissedRule {
  if (policy === 'skip') return { windowMs: 0, onlyLatest: false };
  if (policy === 'once') return { windowMs: Number.POSITIVE_INFINITY, onlyLatest: true };
  return { windowMs: durationMs(policy.all, 'missed.all'), onlyLatest: false };
}

/** What a pass of the scheduler is to do with one schedule. */
export interface FirePlan {
  /** The fire times to make jobs of, oldest first. */
  readonly fire: readonly number[];
  /** The latest missed fire time that is let go and lies before everything in `fire`, or null. */
  readonly letGoMs: number | null;
  /** When to look again, or null when the schedule never fires again. */
  readonly nextMs: number | null;
}

/**
 * Which fire times after `lastFireMs` and up to `nowMs` are to be fired now. Pure, and bounded whatever the distance:
 * it enumerates only the late ones and those inside the window of the policy.
 */
export function planFires(input: {
  readonly times: FireTimes;
  readonly anchorMs: number;
  /** The last fire time that was fired or let go. */
  readonly lastFireMs: number;
  readonly nowMs: number;
  readonly rule: MissedRule;
}): FirePlan {
  const { times, anchorMs, lastFireMs, nowMs } = input;
  const lateFrom = nowMs - missedAfterMs;
  const missed = missedTimes(input, lateFrom);
  const late = between(times, anchorMs, Math.max(lastFireMs, lateFrom - 1), nowMs);
  const fire = [...missed, ...late].slice(0, maxFiresPerPass);
  const full = fire.length === maxFiresPerPass;
  const letGo = times.latest((fire[0] ?? lateFrom) - 1, anchorMs);
  return {
    fire,
    letGoMs: letGo !== null && letGo > lastFireMs ? letGo : null,
    nextMs: full ? nowMs : times.next(Math.max(nowMs, lastFireMs), anchorMs),
  };
}

function missedTimes(
  input: {
    times: FireTimes;
    anchorMs: number;
    lastFireMs: number;
    nowMs: number;
    rule: MissedRule;
  },
  lateFrom: number,
): number[] {
  const { times, anchorMs, lastFireMs, nowMs, rule } = input;
  if (rule.windowMs === 0) return [];
  if (rule.onlyLatest) {
    const latest = times.latest(lateFrom - 1, anchorMs);
    const coveredByLate = between(times, anchorMs, lateFrom - 1, nowMs).length > 0;
    return latest === null || latest <= lastFireMs || coveredByLate ? [] : [latest];
  }
  const from = Math.max(lastFireMs, nowMs - rule.windowMs - 1);
  return between(times, anchorMs, from, lateFrom - 1);
}

/** The fire times after `afterMs` and up to `untilMs`, oldest first, at most as many as one pass fires. */
function between(times: FireTimes, anchorMs: number, afterMs: number, untilMs: number): number[] {
  const found: number[] = [];
  let at = times.next(afterMs, anchorMs);
  while (at !== null && at <= untilMs && found.length < maxFiresPerPass) {
    found.push(at);
    at = times.next(at, anchorMs);
  }
  return found;
}
