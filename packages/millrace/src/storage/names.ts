import { createHash } from 'node:crypto';

/** The names inside the database that follow from the schema. */
export interface Names {
  /** The schema, quoted: the only thing that is ever put into the text of a statement. */
  readonly schema: string;
  /** The schema as it is. */
  readonly plainSchema: string;
  /** The channel of notifications; at most 63 bytes whatever the schema is called. */
  readonly channel: string;
}

export function namesOf(schema: string): Names {
  const digest = createHash('sha256').update(schema).digest('hex').slice(0, 16);
  return {
    schema: quoteIdentifier(schema),
    plainSchema: schema,
    channel: `millrace_${digest}`,
  };
}

/** An identifier that PostgreSQL takes literally. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text literal, for the few places where a parameter is not possible. */
export function quoteText(text: string): string {
  return text.includes('\\')
    ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
}
