/** Looks at a TypeScript file as text: no parser, only what strings, templates, comments and brackets are. */
import { stripTypeScriptTypes } from 'node:module';

/** A string or a template. Expressions inside a template count as code, and stand in its text as `${}`. */
export interface Literal {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly quote: "'" | '"' | '`';
}

export interface Source {
  readonly text: string;
  /** The text with every comment and the inside of every literal blanked, character for character. */
  readonly code: string;
  readonly literals: readonly Literal[];
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Erased when the program runs. */
  readonly typeOnly: boolean;
}

/** A computed `import(…)`: what it loads cannot be seen. */
export const computedImport = '(computed)';

/** The longest list of names before a `from` that is looked for, in characters. */
const longestClause = 4_000;

const regexAfterWord =
  /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|await|yield)$/;

export function readSource(text: string): Source {
  return new Reader(text).read();
}

export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}

class Reader {
  readonly #text: string;
  readonly #code: string[];
  readonly #literals: Literal[] = [];
  #at = 0;
  /** The last characters of code, without white space, to tell a division from a regular expression. */
  #before = '';

  constructor(text: string) {
    this.#text = text;
    this.#code = Array.from({ length: text.length }, (_, index) =>
      text[index] === '\n' ? '\n' : ' ',
    );
  }

  read(): Source {
    this.#readCode('');
    const literals = this.#literals.toSorted((a, b) => a.start - b.start);
    return { text: this.#text, code: this.#code.join(''), literals };
  }

  /** Reads on until the end, or until the bracket that closes an expression inside a template. */
  #readCode(until: '' | '}'): void {
    let open = 0;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] as string;
      if (char === '}' && open === 0 && until === '}') return;
      if (char === '{') open += 1;
      if (char === '}') open -= 1;
      if (this.#text.startsWith('//', this.#at)) this.#skipTo('\n', 0);
      else if (this.#text.startsWith('/*', this.#at)) this.#skipTo('*/', 2);
      else if (char === '`') this.#readTemplate();
      else if (char === "'" || char === '"') this.#readString(char);
      else if (char === '/' && this.#regexIsPossible()) this.#readRegex();
      else this.#keep();
    }
  }

  #keep(): void {
    const char = this.#text[this.#at] as string;
    this.#code[this.#at] = char;
    this.#at += 1;
    if (char.trim() !== '') this.#before = (this.#before + char).slice(-12);
    else if (/[\w$]$/.test(this.#before)) this.#before += ' ';
  }

  #skipTo(end: string, more: number): void {
    const found = this.#text.indexOf(end, this.#at + more);
    this.#at = found < 0 ? this.#text.length : found + more;
  }

  #regexIsPossible(): boolean {
    const before = this.#before.trimEnd();
    return regexAfterWord.test(before) || !/[\w$)\]}'"`]$/.test(before);
  }

  #readRegex(): void {
    let inClass = false;
    for (this.#at += 1; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at];
      if (char === '\\') this.#at += 1;
      else if (char === '[') inClass = true;
      else if (char === ']') inClass = false;
      else if (char === '/' && !inClass) break;
    }
    this.#at += 1;
    this.#before = '/x';
  }

  #readString(quote: "'" | '"'): void {
    const start = this.#at;
    this.#keep();
    while (this.#at < this.#text.length && this.#text[this.#at] !== quote) {
      this.#at += this.#text[this.#at] === '\\' ? 2 : 1;
    }
    this.#literals.push({
      text: this.#text.slice(start + 1, this.#at),
      start,
      end: this.#at + 1,
      quote,
    });
    this.#keep();
  }

  #readTemplate(): void {
    const start = this.#at;
    let text = '';
    this.#keep();
    while (this.#at < this.#text.length && this.#text[this.#at] !== '`') {
      if (this.#text.startsWith('${', this.#at)) {
        this.#at += 2;
        this.#before = '(';
        this.#readCode('}');
        this.#at += 1;
        text += '${}';
      } else {
        const length = this.#text[this.#at] === '\\' ? 2 : 1;
        text += this.#text.slice(this.#at, this.#at + length);
        this.#at += length;
      }
    }
    this.#literals.push({ text, start, end: this.#at + 1, quote: '`' });
    this.#keep();
  }
}

/** Every import and re-export of a file. */
export function importsOf({ text, code, literals }: Source): Import[] {
  const imports: Import[] = [];
  for (const { text: specifier, start } of literals) {
    const before = code.slice(Math.max(0, start - longestClause), start);
    const clause = /\b(?:import|export)\b([^;'"`()]*)\bfrom\s*$/.exec(before);
    const named = clause !== null || /\bimport\s*\(?\s*$/.test(before);
    if (!named) continue;
    const typeOnly = clause !== null && /^\s*type\b(?!\s*from\b|\s*,)/.test(clause[1] ?? '');
    imports.push({ specifier, line: lineAt(text, start), typeOnly });
  }
  for (const { index } of code.matchAll(/\bimport\s*\(\s*(?!['"`\s])/g)) {
    imports.push({ specifier: computedImport, line: lineAt(text, index), typeOnly: false });
  }
  return imports;
}

/** A function with a body in braces, from the line of its parameters to that of its last brace. */
export interface FunctionSize {
  readonly line: number;
  readonly lines: number;
  /** What the function is an argument of, if it is one. */
  readonly passedTo: string;
}

const statementsWithParentheses = new Set([
  'if',
  'for',
  'while',
  'switch',
  'catch',
  'with',
  'await',
]);

interface Bracket {
  readonly char: string;
  readonly at: number;
  /** The word before an opening parenthesis. */
  readonly word: string;
  /** Of a brace that begins a function: where the function begins, and what it is passed to. */
  readonly functionAt: number | undefined;
  readonly passedTo: string;
}

export function functionsOf(text: string): FunctionSize[] {
  const code = readSource(stripTypeScriptTypes(text)).code;
  const found: FunctionSize[] = [];
  const open: Bracket[] = [];
  let closed: Bracket | undefined;
  for (let at = 0; at < code.length; at++) {
    const char = code[at] as string;
    if ('([{'.includes(char)) {
      open.push(bracket(code, at, open.at(-1), closed));
    } else if (')]}'.includes(char)) {
      closed = open.pop();
      if (closed?.functionAt === undefined) continue;
      const line = lineAt(code, closed.functionAt);
      found.push({ line, lines: lineAt(code, at) - line + 1, passedTo: closed.passedTo });
    }
  }
  return found;
}

function bracket(code: string, at: number, around?: Bracket, closed?: Bracket): Bracket {
  const char = code[at] as string;
  const before = code.slice(0, at).trimEnd();
  // A call of what a call answered, such as `describe.skipIf(…)(…)`, is named by the first one.
  const word =
    before.endsWith(')') && closed?.char === '('
      ? closed.word
      : (/([\w$]+)(?:\.[\w$]+)*$/.exec(before)?.[1] ?? '');
  const own = { char, at, word: char === '(' ? word : '', passedTo: around?.word ?? '' };
  if (char !== '{') return { ...own, functionAt: undefined };
  if (before.endsWith('=>')) {
    const parameters = before.slice(0, -2).trimEnd();
    const functionAt = parameters.endsWith(')') ? closed?.at : parameters.length - 1;
    return { ...own, functionAt };
  }
  const isFunction =
    before.endsWith(')') && closed?.char === '(' && !statementsWithParentheses.has(closed.word);
  return { ...own, functionAt: isFunction ? closed.at : undefined };
}
