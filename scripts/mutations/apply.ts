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

/** What is before a statement, or before a part that several share, then it itself, and what is after it. */
function parted(source: string, statement: string): readonly [string, string, string] {
  const found = new RegExp(String.raw`\bconst ${statement} = .*?(?:\n\);|\x60;)`, 's').exec(source);
  if (found === null) throw new Error(`there is no statement '${statement}'`);
  const end = found.index + found[0].length;
  return [source.slice(0, found.index), found[0], source.slice(end)];
}
