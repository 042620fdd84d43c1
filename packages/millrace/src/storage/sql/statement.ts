import type { Names } from '../names.ts';

/** A static statement. Its name is what the server keeps the prepared form under. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Makes a statement for one installation; only the quoted schema is ever put into the text. */
export type StatementOf = (names: Names) => Statement;

export function statement(
  name: string,
  text: (schema: string, names: Names) => string,
): StatementOf {
  return (names) => ({ name: `millrace_${name}`, text: text(names.schema, names) });
}
