import { MillraceError } from './errors.ts';
import { show } from './text.ts';

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** A length of time: milliseconds, or a number with a unit: `'500ms'`, `'30s'`, `'5m'`, `'12h'`, `'7d'`, `'2w'`. */
export type Duration = number | `${number}${keyof typeof unitMs}`;

const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;

/** A century: longer than any sensible delay, short enough that a due time stays a valid date everywhere. */
export const maxDurationMs = 36_525 * unitMs.d;

/**
 * The milliseconds of a duration, a whole number from 0 to 100 years.
 * @throws MILLRACE_DURATION_INVALID
 */
export function durationMs(value: Duration, what = 'duration'): number {
  const ms = typeof value === 'string' ? parse(value) : value;
  if (typeof ms !== 'number' || !Number.isFinite(ms) || ms < 0 || ms > maxDurationMs) {
    throw new MillraceError(
      'MILLRACE_DURATION_INVALID',
      `${what}: ${show(value)} is not a duration`,
    );
  }
  return Math.round(ms);
}

function parse(text: string): number {
  const match = pattern.exec(text.trim());
  return match === null ? Number.NaN : Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}

/** A duration for people: the two largest units that matter, such as `1h 30m` or `250ms`. */
export function formatDuration(ms: number): string {
  if (Math.round(ms) < 1_000) return `${Math.round(ms)}ms`;
  const parts: string[] = [];
  let rest = Math.round(ms / 1_000) * 1_000;
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / unitMs[unit]);
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    rest -= count * unitMs[unit];
    if (parts.length === 2) break;
  }
  return parts.join(' ');
}
