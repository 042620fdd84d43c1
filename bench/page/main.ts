/** Writes the page of the checked-in results and its charts; with --check, says whether they are fresh. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scenarioNames } from '../arguments.ts';
import { tableHead, tableRows } from '../figures.ts';
import { resultsFolder, savedResults, type Result } from '../results.ts';
import { chart } from './chart.ts';
import { headlines } from './headlines.ts';
import { targetRows } from './targets.ts';

/** By their whole paths. */
const files = new Map<string, string>();
const root = fileURLToPath(new URL('../../', import.meta.url));
const order = (name: string) => (scenarioNames as readonly string[]).indexOf(name);
const results = savedResults().toSorted((a, b) => order(a.scenario) - order(b.scenario));
if (results.length > 0) {
  files.set(`${resultsFolder}README.md`, page());
  const comparison = `${root}docs/comparison.md`;
  files.set(comparison, withHeadlines(readFileSync(comparison, 'utf8')));
}

const isFresh = ([file, text]: readonly [string, string]) =>
  existsSync(file) && readFileSync(file, 'utf8') === text;

if (process.argv.includes('--check')) {
  const stale = [...files].filter((file) => !isFresh(file)).map(([file]) => relative(root, file));
  if (stale.length > 0) {
    throw new Error(
      `Not as the results are: ${stale.join(', ')}. Run npm run page --prefix bench.`,
    );
  }
} else {
  for (const [file, text] of files) writeFileSync(file, text);
  console.log([...files.keys()].join('\n'));
}

function page(): string {
  const about =
    'Written by `npm run page --prefix bench` from the files beside it. Bars are medians, lines go from the smallest ' +
    'to the largest run. What the scenarios are, and what the figures do not show, is in [the description](../README.md).';
  return `${['# Results', about, targets(), ...results.map(section)].join('\n\n')}\n`;
}

function targets(): string {
  const head = ['scenario', 'what', 'wanted', 'median', 'reached'];
  const table = rowsOf([head, head.map(() => '---'), ...targetRows(results)]);
  return `## What is wanted, and what keeps it\n\n${table}`;
}

/** Replaces what stands between the two comments. */
function withHeadlines(text: string): string {
  const [begin, end] = ['<!-- begin: npm run page --prefix bench -->', '<!-- end -->'];
  const [before, after] = [text.indexOf(begin), text.indexOf(end)];
  if (before === -1 || after === -1) throw new Error('docs/comparison.md has lost its comments.');
  return `${text.slice(0, before)}${begin}\n\n${headlines(results)}\n\n${text.slice(after)}`;
}

function section(result: Result): string {
  const images = result.charts.flatMap((metric) => {
    const figures = result.figures.filter((figure) => figure.metric === metric);
    if (figures.length === 0) return [];
    const file = `${result.scenario}.${metric}.svg`;
    files.set(resultsFolder + file, `${chart(metric, figures)}\n`);
    return [`![${result.scenario}: ${metric}](${file})`];
  });
  const facts = [
    `${result.date}, commit ${result.commit}`,
    listOf(result.machine),
    listOf(result.versions),
    listOf(result.sizes),
  ];
  const configs = Object.entries(result.configs).map(([name, about]) => `- \`${name}\`: ${about}`);
  return [
    `## ${result.scenario}`,
    result.about,
    images.join('\n'),
    facts.map((fact) => `- ${fact}`).join('\n'),
    configs.join('\n'),
    `<details><summary>All figures</summary>\n\n${markdownTable(result)}\n\n</details>`,
  ].join('\n\n');
}

function listOf(facts: Readonly<Record<string, string | number>>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function markdownTable({ figures }: Result): string {
  const rows = [[...tableHead], tableHead.map(() => '---'), ...tableRows(figures)];
  return rowsOf(rows);
}

function rowsOf(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}
