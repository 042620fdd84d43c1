/** Writes the page of the checked-in results and its charts; with --check, says whether they are fresh. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { scenarioNames } from '../arguments.ts';
import { tableHead, tableRows } from '../figures.ts';
import { resultsFolder, savedResults, type Result } from '../results.ts';
import { chart } from './chart.ts';

const files = new Map<string, string>();
const order = (name: string) => (scenarioNames as readonly string[]).indexOf(name);
const results = savedResults().toSorted((a, b) => order(a.scenario) - order(b.scenario));
if (results.length > 0) files.set('README.md', page());

const isFresh = ([name, text]: readonly [string, string]) =>
  existsSync(resultsFolder + name) && readFileSync(resultsFolder + name, 'utf8') === text;

if (process.argv.includes('--check')) {
  const stale = [...files].filter((file) => !isFresh(file)).map(([name]) => name);
  if (stale.length > 0) {
    throw new Error(
      `Not as the results are: ${stale.join(', ')}. Run npm run page --prefix bench.`,
    );
  }
} else {
  for (const [name, text] of files) writeFileSync(resultsFolder + name, text);
  console.log([...files.keys()].join('\n'));
}

function page(): string {
  const about =
    'Written by `npm run page --prefix bench` from the files beside it. Bars are medians, lines go from the smallest ' +
    'to the largest run. What the scenarios are, and what the figures do not show, is in [the description](../README.md).';
  return `${['# Results', about, ...results.map(section)].join('\n\n')}\n`;
}

function section(result: Result): string {
  const images = result.charts.flatMap((metric) => {
    const figures = result.figures.filter((figure) => figure.metric === metric);
    if (figures.length === 0) return [];
    const file = `${result.scenario}.${metric}.svg`;
    files.set(file, `${chart(metric, figures)}\n`);
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
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}
