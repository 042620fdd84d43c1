import type { Mutation } from './mutations.ts';

/** A comparison or a test in a statement, and whether a mutation changes it. */
export interface Condition {
  readonly statement: string;
  readonly text: string;
  readonly isMutated: boolean;
}

/** Statements, parts that several share, and functions that make parts. */
const parts = /\b(?:const|function) (\w+)\b.*?(?:\n\);|`;)/gs;

const operators = [
  '<>|<=|>=|@>|=|<|>',
  String.raw`\bIS (?:NOT )?(?:NULL|DISTINCT FROM)\b`,
  String.raw`\b(?:NOT )?IN (?=\()`,
  String.raw`(?<!\bIF )\b(?:NOT )?(?<!\bIF NOT )EXISTS\b`,
  String.raw`\bI?LIKE\b`,
  String.raw`(?<=\b(?:AND|OR|WHERE|WHEN) )(?:NOT )?[a-z_][\w.]*(?=\s*(?:\n|AND\b|OR\b|THEN\b|\)))`,
];
const operator = new RegExp(operators.join('|'), 'g');
const operand = '[^\\s,`]+';

/** Every condition of a file of statements, in the order in which they stand there. */
export function conditionsOf(source: string, mutations: readonly Mutation[]): Condition[] {
  return [...source.matchAll(parts)].flatMap(([text, statement = '']) => {
    const changes = mutations
      .filter((mutation) => mutation.statement === statement)
      .map((mutation) => changedBy(text, mutation));
    return templates(text).flatMap(([begin, end]) =>
      [...text.slice(begin, end).matchAll(operator)]
        .map(({ 0: found, index }) => ({ at: begin + index, length: found.length }))
        .filter(({ at }) => !isAssignment(text, at))
        .map(({ at, length }) => ({
          statement,
          text: shown(text, at, length),
          isMutated: changes.some(([from, to]) => from < at + length && at < to),
        })),
    );
  });
}

/** What a mutation really changes: the clause without what it has in common with what comes in its place. */
function changedBy(text: string, { clause, becomes }: Mutation): readonly [number, number] {
  const at = text.indexOf(clause);
  let same = 0;
  while (same < becomes.length && clause[same] === becomes[same]) same++;
  let sameEnd = 0;
  const most = Math.min(clause.length, becomes.length) - same;
  while (sameEnd < most && clause.at(-1 - sameEnd) === becomes.at(-1 - sameEnd)) sameEnd++;
  return [at + same, at + clause.length - sameEnd];
}

/** Where text of SQL begins and ends: inside of templates, also of those within the braces of others. */
function templates(text: string): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  const open: ('`' | '{')[] = [];
  let begin = 0;
  for (let at = 0; at < text.length; at++) {
    const inTemplate = open.at(-1) === '`';
    if (text[at] === '`' && !inTemplate) open.push('`');
    else if (text.startsWith('${', at) && inTemplate) open.push('{');
    else if ((text[at] === '`' && inTemplate) || (text[at] === '}' && open.at(-1) === '{'))
      open.pop();
    else continue;
    if (inTemplate) found.push([begin, at]);
    begin = at + 1;
  }
  return found;
}

/** `a = 1` after SET is none, nor are `=>` of arguments and the brackets of `->>`. */
function isAssignment(text: string, at: number): boolean {
  const before = text.slice(0, at);
  if (/[-=<>]$/.test(before) || /^(?:=>|<<|>>)/.test(text.slice(at))) return true;
  return text[at] === '=' && /(?:\bSET|[^\])]\s*,)\s+\w+ $/.test(before) && isInSet(before);
}

function isInSet(before: string): boolean {
  const set = before.search(/\bSET\b(?![\s\S]*\bSET\b)/);
  return set !== -1 && !/\b(?:WHERE|RETURNING)\b|\n {0,6}FROM\b/.test(before.slice(set));
}

function shown(text: string, at: number, length: number): string {
  const [left = ''] = new RegExp(`${operand}\\s*$`).exec(text.slice(0, at)) ?? [];
  const [right = ''] = new RegExp(`^\\s*${operand}`).exec(text.slice(at + length)) ?? [];
  return `${left}${text.slice(at, at + length)}${right}`.replaceAll(/\s+/g, ' ').trim();
}
