import type { Check } from './checks.ts';
import type { Progress } from './progress.ts';

/** Prints the checks of a part as a table; answers with those that do not hold. */
export function report(progress: Progress, title: string, checks: readonly Check[]): Check[] {
  const width = (pick: (check: Check) => string, least: number) =>
    Math.max(least, ...checks.map((check) => pick(check).length));
  const what = width((check) => check.what, title.length);
  const expected = width((check) => check.expected, 'expected'.length);
  const line = (cells: readonly string[]) =>
    progress.say(
      [
        `  ${(cells[0] ?? '').padEnd(what)}`,
        (cells[1] ?? '').padStart(expected),
        ` ${cells[3] ?? ''}`,
        cells[2] ?? '',
      ].join('  '),
    );
  progress.say('');
  line([title, 'expected', 'found', '  ']);
  for (const check of checks) {
    line([check.what, check.expected, check.found, check.holds ? 'ok' : '!!']);
  }
  return checks.filter(({ holds }) => !holds);
}
