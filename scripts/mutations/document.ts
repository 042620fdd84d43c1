import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fileOf } from './apply.ts';
import { conditionsOf } from './conditions.ts';
import { mutations, type Mutation } from './mutations.ts';

const head = `# Which test notices when a fence or a lock is gone

Every clause below keeps two from writing about one row, or one from waiting for another. \`npm run mutations\` removes or
changes one after the other in a copy of the project and runs the test that must fail then; it fails itself when one does
not. This list is written from its data by \`npm run docs:mutations\`, and \`npm test\` checks that it is fresh.
`;

const ofConditions = `## Every condition of the statements

Each comparison and each test in \`storage/sql\` is found by a script. Below stand, for each file, how many there are, how
many of them a mutation above changes, and the others, of which no mutation shows yet that a test notices.
`;

const folder = fileURLToPath(new URL('../../packages/millrace/src/storage/sql/', import.meta.url));

/** docs/mutations.md. */
export function mutationsDocument(): string {
  const files = Map.groupBy(mutations, fileOf);
  const sections = [...files].map(([file, list]) => section(file, list));
  return [
    head,
    ...sections,
    ofConditions,
    ...readdirSync(folder).toSorted().flatMap(conditionsLeft),
  ].join('\n');
}

function conditionsLeft(name: string): string[] {
  const file = name.replace('.ts', '');
  const own = mutations.filter((mutation) => mutation.file === file);
  const all = conditionsOf(readFileSync(folder + name, 'utf8'), own);
  if (all.length === 0) return [];
  const open = Map.groupBy(
    all.filter(({ isMutated }) => !isMutated),
    ({ statement }) => statement,
  );
  const lines = [...open].map(
    ([statement, list]) => `- ${statement}: ${list.map(({ text }) => code(text)).join(', ')}`,
  );
  const count = all.length - [...open.values()].flat().length;
  return [`### ${name}: ${all.length} conditions, ${count} mutated\n\n${lines.join('\n')}\n`];
}

function section(file: string, list: readonly Mutation[]): string {
  const rows = list.map(
    ({ statement, clause, becomes, breaks, test }) =>
      `| ${statement} | ${code(clause)} | ${becomes === '' ? 'gone' : code(becomes)} | ${breaks} | ${test.name} (${test.file}) |`,
  );
  return `## ${file}

| Statement | Clause | Instead | What breaks | The test that notices |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

const code = (text: string) => `\`${text.replaceAll('${s}.', '')}\``;
