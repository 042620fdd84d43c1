import type { FileResult, Survivor } from './report.ts';

const head = `# Which mutants of core/ survive its tests

\`npm run mutants\` lets Stryker change every comparison, boundary, operator, condition, constant, text and call of \`core/\`, one
at a time, and runs the unit tests that reach the place. It fails when a mutant survives that is not listed here with a
reason. This page is written from its last run by \`npm run mutants -- --document\`.
`;

/** docs/mutants.md. `why` says for each survivor why it may survive. */
export function mutantsDocument(
  results: readonly FileResult[],
  why: (survivor: Survivor) => string | undefined,
  date: string,
): string {
  const survivors = results.flatMap((result) => result.survivors);
  return [
    head,
    `## Totals\n\nOf ${date}, by \`npm run mutants\` on Node.js ${process.versions.node}.\n`,
    table(
      ['File', 'Mutants', 'Killed', 'Timed out', 'Survived'],
      [
        ...results.map(({ file, ...result }) => [file, ...figures(result)]),
        ['all', ...sums(results)],
      ],
    ),
    '## Survivors\n',
    table(
      ['File', 'Line', 'Code', 'Instead', 'Why no test can or need notice'],
      survivors.map((one) => [
        one.file,
        `${one.line}`,
        code(one.code),
        code(one.becomes),
        why(one) ?? '**not yet judged**',
      ]),
    ),
  ].join('\n');
}

function figures({ killed, timedOut, survivors }: Omit<FileResult, 'file'>): string[] {
  const all = killed + timedOut + survivors.length;
  return [all, killed, timedOut, survivors.length].map(String);
}

function sums(results: readonly FileResult[]): string[] {
  const rows = results.map((result) => figures(result).map(Number));
  return [0, 1, 2, 3].map((at) => `${rows.reduce((sum, row) => sum + (row[at] ?? 0), 0)}`);
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return `${[line(columns), `|${'---|'.repeat(columns.length)}`, ...rows.map(line)].join('\n')}\n`;
}

/** As code in a cell of a table: a bar would end the cell, and long texts say no more than their beginning. */
function code(text: string): string {
  const short = text.length > 100 ? `${text.slice(0, 99)}…` : text;
  return text === '' ? 'gone' : `\`\` ${short.replaceAll('|', String.raw`\|`)} \`\``;
}
