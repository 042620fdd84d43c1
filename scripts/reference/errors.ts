/** The table of errors, from the one place that has their codes. */
import { errorCodes, MillraceError } from '../../packages/millrace/src/core/errors.ts';

export function errorReference(): string {
  const rows = errorCodes.map((code) => `| \`${code}\` | ${new MillraceError(code, '').remedy} |`);
  return `# Error codes

<!-- Written by \`npm run docs:reference\` from packages/millrace/src/core/errors.ts; do not edit. -->

Every error that Millrace throws on purpose is a \`MillraceError\`. Its \`message\` says what happened, and may improve from release
to release; its \`code\` stays, and is what a program should look at; its \`remedy\` is the sentence on the right.
\`isMillraceError(error, code)\` knows one also where two copies of the package are loaded. The command line prints all three.

| code | what to do |
|---|---|
${rows.join('\n')}
`;
}
