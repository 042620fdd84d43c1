import type { Mutation } from './mutations.ts';

export function fileOf({ file }: Mutation): string {
  return `packages/millrace/src/storage/sql/${file}.ts`;
}

/** A source with a mutation in it. @throws when the clause does not occur exactly once in the statement */
export function mutated(source: string, { statement, clause, becomes }: Mutation): string {
  const [before, text, after] = parted(source, statement);
  const [head, tail, ...more] = text.split(clause);
  if (tail === undefined || more.length > 0)
    throw new Error(`'${clause}' does not occur exactly once in the statement '${statement}'`);
  return `${before}${head}${becomes}${tail}${after}`;
}

/** What is before a statement, the statement, and what is after it. */
function parted(source: string, statement: string): readonly [string, string, string] {
  const start = source.indexOf(`export const ${statement} = statement(`);
  const end = source.indexOf('\n);', start);
  if (start < 0 || end < 0) throw new Error(`there is no statement '${statement}'`);
  return [source.slice(0, start), source.slice(start, end), source.slice(end)];
}
