import { fileOf } from './apply.ts';
import { mutations, type Mutation } from './mutations.ts';

const head = `# Which test notices when a fence or a lock is gone

Every clause below keeps two from writing about one row, or one from waiting for another. \`npm run mutations\` removes or
changes one after the other in a copy of the project and runs the test that must fail then; it fails itself when one does
not. This list is written from its data by \`npm run docs:mutations\`, and \`npm test\` checks that it is fresh.
`;

/** docs/mutations.md. */
export function mutationsDocument(): string {
  const files = Map.groupBy(mutations, fileOf);
  return [head, ...[...files].map(([file, list]) => section(file, list))].join('\n');
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
