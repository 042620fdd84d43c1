/** The pages of the site, made of the documents as they stand in the repository. */
import { posix } from 'node:path';
import { withLinks } from './links.ts';

/** A page as the site has it. */
export interface Page {
  /** The document, by its path in the repository. */
  readonly path: string;
  /** Its address below the site, without slashes around it; empty for the start page. */
  readonly route: string;
  readonly title: string;
  /** The first sentence. */
  readonly description: string;
  /** Markdown below the title, with links to addresses of the site. */
  readonly body: string;
}

/**
 * Makes pages of documents, which are texts by their paths.
 * @param exists whether the repository has a file or folder of that path
 * @throws when a link leads nowhere
 */
export function pagesOf(
  documents: ReadonlyMap<string, string>,
  exists: (path: string) => boolean,
): Page[] {
  return [...documents].map(([path, text]) => {
    const [, title, rest] = /^# (.+)\n([^]*)$/.exec(text) ?? [];
    if (title === undefined || rest === undefined)
      throw new Error(`${path} does not begin with its title`);
    const resolve = (target: string) => {
      const found = posix.join(posix.dirname(path), target);
      const document = [found, posix.join(found, 'README.md')].find((each) => documents.has(each));
      if (document !== undefined) return { address: addressOf(document) };
      if (exists(found)) return { path: found };
      throw new Error(`${path}: the link to ${target} leads nowhere`);
    };
    return {
      path,
      route: routeOf(path),
      title: title.replaceAll(/[`\\]/g, ''),
      description: firstSentence(rest),
      body: withFileNames(withLinks(rest, resolve)).trim(),
    };
  });
}

/** `docs/README.md` is the list of all pages; the README of the repository is the start. */
function routeOf(path: string): string {
  if (path === 'docs/README.md') return 'contents';
  return path
    .replace(/^docs\//, '')
    .replace(/(?:^|\/)README\.md$/, '')
    .replace(/\.md$/, '')
    .toLowerCase();
}

export function addressOf(path: string): string {
  const route = routeOf(path);
  return route === '' ? '/' : `/${route}/`;
}

/** A comment that names the file of a block becomes the title of the block. */
function withFileNames(body: string): string {
  return body
    .replaceAll(
      /<!-- (?<file>[\w./-]+) -->\n```(?<language>\w+)\n/g,
      (_whole, file: string, language: string) =>
        `\`\`\`${language} title="${posix.basename(file)}"\n`,
    )
    .replaceAll(/<!-- .*? -->\n/gs, '');
}

/** Of the first paragraph that says something: no heading, list, table, code or remark on the document. */
function firstSentence(text: string): string {
  const paragraph = text
    .replaceAll(/^(```+)[^]*?^\1$/gm, '')
    .split(/\n{2,}/)
    .map((each) => each.trim())
    .find((each) => /^[^\s#|>`<*-]|^\*\*\w/.test(each) && !/^(?:Status:|\d+\. )/.test(each));
  const plain = (paragraph ?? '')
    .replaceAll(/\[((?:`[^`]*`|[^\]`])*)\]\([^)]*\)/g, '$1')
    .replaceAll(/\*\*|[`\\]/g, '')
    .replaceAll(/\s+/g, ' ');
  return (/^.{20,}?[.?!](?= |$)/.exec(plain)?.[0] ?? plain).replace(/:$/, '.');
}
