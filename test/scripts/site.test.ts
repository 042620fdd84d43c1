import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../packages/millrace/src/cli/program.ts';
import { commandReference } from '../../scripts/reference/commands.ts';
import { siteProblems } from '../../scripts/site/check.ts';
import { sectionsOf } from '../../scripts/site/contents.ts';
import { pagesOf } from '../../scripts/site/pages.ts';
import { full, index, summaryOf } from '../../scripts/site/texts.ts';

const readme = `# Millrace

Jobs on PostgreSQL.

See [the guide](docs/guides/a.md#how), [all](docs/README.md), [examples](examples), [the code](src/a.ts).

## What it is

- **One.** It is
  one. And more.

## More
`;
const guide = `# A \`guide\`

Status: new

First [sentence](../../README.md) of \`it\`. Second.

<!-- a/b.ts -->
\`\`\`ts
const link = '[x](nowhere.md)';
\`\`\`
`;
const documents = new Map([
  ['README.md', readme],
  ['docs/README.md', '# Documentation\n'],
  ['docs/guides/a.md', guide],
]);
const exists = (path: string) => ['examples', 'src/a.ts'].includes(path);
const pages = pagesOf(documents, exists);
const [start, contents, page] = pages;

describe('a page of the site', () => {
  it('has the address of its document, its title and its first sentence', () => {
    expect(pages.map(({ route }) => route)).toEqual(['', 'contents', 'guides/a']);
    expect(page).toMatchObject({ title: 'A guide', description: 'First sentence of it.' });
    expect(contents?.description).toBe('');
  });

  it('links to pages by their addresses, and names what only the repository has', () => {
    expect(start?.body).toContain(
      'See [the guide](/guides/a/#how), [all](/contents/), `examples`, the code (`src/a.ts` in the repository).',
    );
  });

  it('keeps code as it is, under the name of its file', () => {
    expect(page?.body).toContain('```ts title="b.ts"\nconst link = \'[x](nowhere.md)\';\n```');
  });

  it('is refused when it links to nothing', () => {
    const broken = new Map([['docs/a.md', '# A\n\n[b](b.md)\n']]);
    expect(() => pagesOf(broken, exists)).toThrow('docs/a.md: the link to b.md leads nowhere');
  });
});

it('the list of documents gives the sections of the site and their order', () => {
  const list = '# All\n\n**One**, first:\n- [A](a.md): why\n- [B](../b.md)\n\n**Two**:\n- [C](c)\n';
  expect(sectionsOf(list, 'docs')).toEqual([
    {
      name: 'One',
      listed: [
        { label: 'A', path: 'docs/a.md' },
        { label: 'B', path: 'b.md' },
      ],
    },
    { name: 'Two', listed: [{ label: 'C', path: 'docs/c' }] },
  ]);
});

/** A built site of these files. */
function createSite(files: Readonly<Record<string, string>>): { folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-site-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

describe('the built site', () => {
  const good = {
    'index.html': '<a href="/guides/a/#how">a</a><a href="https://example.com">elsewhere</a>',
    'contents/index.html': '<a href="../">up</a>',
    'guides/a/index.html': '<h2 id="how">How</h2>',
    'llms.txt': index(summaryOf(readme), pages),
    'llms-full.txt': full(pages),
  };

  it('is right when every page is there and every link leads somewhere', () => {
    using site = createSite(good);
    expect(siteProblems(site.folder, pages)).toEqual([]);
  });

  it('is wrong when a page, a link, a heading or a line for machines is missing, or something comes from elsewhere', () => {
    using site = createSite({
      'index.html': '<a href="/gone/">a</a><a href="/guides/a/#who">a</a>',
      'guides/a/index.html':
        '<img src="https://example.com/a.png"><style>@import url(https://b.c)</style>',
      'llms.txt': index('', pages.slice(0, 2)),
      'llms-full.txt': full(pages.slice(0, 2)),
    });
    expect(siteProblems(site.folder, pages)).toEqual([
      'docs/README.md is not in the site',
      '/index.html: the link to /gone/ leads nowhere',
      '/index.html: /guides/a/index.html has no heading #who',
      '/guides/a/index.html needs something from elsewhere: <img src="https://example.com/a.png"',
      '/guides/a/index.html needs something from elsewhere: url(https://b.c',
      'llms.txt does not name docs/guides/a.md',
      'llms-full.txt lacks docs/guides/a.md',
    ]);
  });
});

it('the text for machines says in one paragraph what Millrace is', () => {
  expect(summaryOf(readme)).toBe('Jobs on PostgreSQL. One. It is one.');
});

it('the reference of the command line has every command, and every option with its default', () => {
  const reference = commandReference(createProgram());
  expect(reference).toContain('\n## millrace jobs list\n');
  expect(reference).toContain('| `--limit <number>` | at most this many (default: 50) |');
  expect(reference).toContain('millrace enqueue [options] <kind> [json]');
});
