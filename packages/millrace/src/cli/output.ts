import { relative } from 'node:path';
import { stripVTControlCharacters, styleText } from 'node:util';
import { formatDuration } from '../core/duration.ts';
import { keyIdOf } from '../core/envelope.ts';
import type { JobState } from '../core/job.ts';
import type { JobCount } from '../core/operator/overview.ts';

/** Where a command prints. */
export interface Output {
  /** What the command came to: text for people, or with `--json` the value as the one document on stdout. */
  answer(value: object, text: () => string): void;
  /** One of many answers: a line of text, or with `--json` the value on a line of its own. */
  line(value: object, text: () => string): void;
  /** A line on the way there; with `--json` it goes to stderr. */
  say(line: string): void;
}

export function createOutput(json: boolean): Output {
  return {
    answer(value, text) {
      process.stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : `${text()}\n`);
    },
    line(value, text) {
      process.stdout.write(`${json ? JSON.stringify(value) : text()}\n`);
    },
    say(line) {
      (json ? process.stderr : process.stdout).write(`${line}\n`);
    },
  };
}

/** Text from anywhere without what would steer a terminal; line breaks and tabs stay. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/(?![\n\t])\p{Cc}/gu, '\uFFFD');
}

type Style = Parameters<typeof styleText>[0];

/** What people are shown of an encrypted payload or result; undefined for any other. */
export function inPlaceOfCiphertext(value: unknown): string | undefined {
  const kid = keyIdOf(value);
  return kid === undefined ? undefined : style('dim', `[encrypted, key ${printable(kid)}]`);
}

/** Colours only where stdout is a terminal that wants them. */
export function style(format: Style, text: string): string {
  return styleText(format, text, { stream: process.stdout });
}

const stateStyles: Readonly<Record<JobState, Style>> = {
  scheduled: 'cyan',
  available: 'blue',
  running: 'yellow',
  retryable: 'magenta',
  completed: 'green',
  cancelled: 'gray',
  discarded: 'red',
};

/** A state, or a text about it, in its colour. */
export function inStateColour(state: JobState, text: string = state): string {
  return style(stateStyles[state], text);
}

/** Columns as wide as their widest cell, two spaces apart; cells may carry colours. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? '')].map(widthOf)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd();
  return [style('dim', line(head)), ...rows.map(line)].join('\n');
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

/** Names and values below each other; those without a value are left out. */
export function properties(
  pairs: readonly (readonly [name: string, value: string | null])[],
): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `  ${style('dim', name.padEnd(width))}  ${value}`).join('\n');
}

/** `312`, or `~4.2M` where it is an estimate. */
export function count({ jobs, exact }: JobCount): string {
  if (exact) return String(jobs);
  const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
  return `~${short.format(jobs)}`;
}

/** A rate: whole from ten on, with a digit behind the point below. */
export function perMinute(jobs: number): string {
  if (jobs >= 10 || jobs === 0) return String(Math.round(jobs));
  return jobs.toFixed(jobs < 0.1 ? 2 : 1);
}

/** Interval specs count in milliseconds. */
export function readableSpec(spec: string): string {
  return spec.replace(/^every (\d+)ms$/, (_, ms: string) => `every ${formatDuration(Number(ms))}`);
}

/** A path as people know it: relative where it lies below the working directory. */
export function shortPath(path: string): string {
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
}

/** `3m 20s ago`, `in 2h`, `now`. */
export function relativeTime(at: Date, nowMs: number): string {
  const distanceMs = at.getTime() - nowMs;
  if (Math.abs(distanceMs) < 1_000) return 'now';
  const length = formatDuration(Math.abs(distanceMs));
  return distanceMs > 0 ? `in ${length}` : `${length} ago`;
}
