/** The code blocks of the documentation: each is a file of docs/examples, so that it can be compiled and run. */

/** A comment that names the file, and the block below it. */
const block = /<!-- (?<file>[\w./-]+) -->\n```(?<language>\w+)\n(?<code>.*?)```\n/gs;

/** Any block of TypeScript. */
const typescript = /^```ts$/gm;

/** The document with each named block as its file stands, or what is wrong with it. */
export function withBlocks(document: string, read: (file: string) => string): string {
  const named = [...document.matchAll(block)].filter(
    (found) => found.groups?.['language'] === 'ts',
  );
  const all = [...document.matchAll(typescript)];
  if (named.length !== all.length)
    throw new Error('a block of TypeScript has no comment above it that names its file');
  return document.replaceAll(
    block,
    (_whole, file: string, language: string) =>
      `<!-- ${file} -->\n\`\`\`${language}\n${read(file)}\`\`\`\n`,
  );
}
