/** What must hold for the site as it was built. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressOf, type Page } from './pages.ts';

/** @returns what is wrong with the site in `folder` */
export function siteProblems(folder: string, pages: readonly Page[]): string[] {
  const files = new Set(globSync('**/*', { cwd: folder }).map((file) => `/${file}`));
  const withEnding = (ending: string) =>
    [...files]
      .filter((file) => file.endsWith(ending))
      .map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const);
  const html = new Map(withEnding('.html'));
  return [
    ...pages.flatMap(({ path }) =>
      html.has(fileOf(addressOf(path))) ? [] : [`${path} is not in the site`],
    ),
    ...[...html].flatMap(([file, text]) => linkProblems(file, text, files, html)),
    ...[...html, ...withEnding('.css')].flatMap(([file, text]) => foreignProblems(file, text)),
    ...textProblems(folder, pages),
  ];
}

/** The file of an address. */
function fileOf(address: string): string {
  return address.endsWith('/') ? `${address}index.html` : address;
}

function linkProblems(
  file: string,
  text: string,
  files: ReadonlySet<string>,
  html: ReadonlyMap<string, string>,
): string[] {
  const here = `http://site${file.replace(/index\.html$/, '')}`;
  const links = [...text.matchAll(/\s(?:href|src)="([^"]+)"/g)].map(([, link = '']) => link);
  return [...new Set(links)].flatMap((link) => {
    const url = new URL(link.replaceAll('&#x26;', '&').replaceAll('&amp;', '&'), here);
    if (url.host !== 'site') return [];
    const target = fileOf(decodeURIComponent(url.pathname));
    const id = decodeURIComponent(url.hash.slice(1));
    if (!files.has(target)) return [`${file}: the link to ${link} leads nowhere`];
    if (id === '' || html.get(target)?.includes(` id="${id}"`) !== false) return [];
    return [`${file}: ${target} has no heading #${id}`];
  });
}

/** What a browser would fetch from elsewhere when it shows the page. */
function foreignProblems(file: string, text: string): string[] {
  const fetched =
    /<(?:link|script|img|iframe)\b[^>]*\s(?:href|src)="https?:[^"]*"|(?:@import\s+["']|\burl\(["']?)https?:[^)"']*/g;
  return [...text.matchAll(fetched)].map(
    ([what]) => `${file} needs something from elsewhere: ${what}`,
  );
}

function textProblems(folder: string, pages: readonly Page[]): string[] {
  const index = readFileSync(join(folder, 'llms.txt'), 'utf8');
  const full = readFileSync(join(folder, 'llms-full.txt'), 'utf8');
  return pages.flatMap(({ path, body }) => {
    const address = addressOf(path);
    return [
      ...(/\b(?:TODO|TBD|FIXME)\b/.test(body) ? [`${path} is not finished`] : []),
      ...(index.includes(`](${address})`) ? [] : [`llms.txt does not name ${path}`]),
      ...(full.includes(`\nPage: ${address}\n`) ? [] : [`llms-full.txt lacks ${path}`]),
    ];
  });
}
