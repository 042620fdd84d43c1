/** Whether the tests show what the documents promise. */
import { readSource, type Source } from '../tidy/source.ts';

/** What the documents contain: ids of rows (`W6`) and of promises (`G9`), and which rows are finished. */
export interface Promised {
  readonly rows: readonly string[];
  readonly promises: readonly string[];
  readonly finished: readonly string[];
}

export interface Judgement {
  /** What must not be. */
  readonly problems: readonly string[];
  /** Promises that no test names. */
  readonly unnamed: readonly string[];
}

/** @param origin the text of docs/origin.md, a table @param guarantees that of docs/guarantees.md, a numbered list */
export function readPromised(origin: string, guarantees: string, finished: string): Promised {
  return {
    rows: [...origin.matchAll(/^\| (W\d+) \|/gm)].map(([, id = '']) => id),
    promises: [...guarantees.matchAll(/^(\d+)\. /gm)].map(([, no = '']) => `G${no}`),
    finished: (JSON.parse(finished) as { rows: string[] }).rows,
  };
}

/**
 * The ids that the names of a file's tests begin with, as in `it('W6, G9: …')`, after those of findings, as in
 * `it('A5: G7: …')`. Tests that never run do not count.
 */
export function idsIn(testFile: string): string[] {
  const source = readSource(testFile);
  return source.literals.flatMap(({ text, start }) => {
    const [, ids] = /^((?:[A-CGW]\d+(?:, | and |: | )?)+):/.exec(text) ?? [];
    if (ids === undefined || !isTestName(source, start)) return [];
    return ids.match(/[WG]\d+/g) ?? [];
  });
}

/** Whether a literal is the first argument of a test or of a group of tests. */
function isTestName({ code }: Source, start: number): boolean {
  let before = code.slice(0, start).trimEnd();
  if (!before.endsWith('(')) return false;
  before = before.slice(0, -1).trimEnd();
  if (before.endsWith(')')) before = beforeParentheses(before);
  const [, modifiers = 'none'] = /\b(?:it|test|describe)((?:\.\w+)*)$/.exec(before) ?? [];
  return modifiers !== 'none' && !/\.(?:skip|todo)\b/.test(modifiers);
}

/** What stands before the parentheses that a text ends with, as in `it.each(…)`. */
function beforeParentheses(text: string): string {
  let open = 0;
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === ')') open += 1;
    if (text[at] === '(') open -= 1;
    if (open === 0) return text.slice(0, at).trimEnd();
  }
  return text;
}

/** @param tests the text of each test file by its path */
export function judge(promised: Promised, tests: ReadonlyMap<string, string>): Judgement {
  const { rows, promises, finished } = promised;
  const known = new Set([...rows, ...promises]);
  const named = new Set<string>();
  const problems: string[] = [];
  for (const [path, text] of tests) {
    for (const id of idsIn(text)) {
      if (known.has(id)) named.add(id);
      else problems.push(`${path}: a test names ${id}, which neither document has`);
    }
  }
  for (const id of finished) {
    if (!rows.includes(id)) problems.push(`docs/finished.json: there is no row ${id}`);
    else if (!named.has(id)) problems.push(`row ${id} is finished, but no test names it`);
  }
  return { problems, unnamed: promises.filter((id) => !named.has(id)) };
}
