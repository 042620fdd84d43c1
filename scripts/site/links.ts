/** Links between documents, as the site needs them. */

/** Where a link leads: to a page of the site, or to a file or folder that only the repository has. */
export type Target = { readonly address: string } | { readonly path: string };

/** A fence, an escaped character, a link or code; whatever of them begins first. */
const parts =
  /^(?<fence>```+)[^]*?^\k<fence>$|\\.|\[(?<text>(?:`[^`]*`|\\.|[^[\]`\\])*)\]\((?<link>[^)\s]+)\)|`[^`]*`/gm;

/** The document with each relative link as `resolve` says; code stays as it is. */
export function withLinks(document: string, resolve: (target: string) => Target): string {
  return document.replaceAll(parts, (...found) => {
    const whole: string = found[0];
    const { text, link } = found.at(-1) as { text?: string; link?: string };
    if (text === undefined || link === undefined || /^(?:[a-z]+:|#)/.test(link)) return whole;
    const [path = '', hash] = link.split('#');
    const target = resolve(path);
    if ('address' in target)
      return `[${text}](${target.address}${hash === undefined ? '' : `#${hash}`})`;
    // There is no address where the sources of this very version could be seen.
    const named = text.replaceAll('`', '');
    return named === target.path
      ? `\`${target.path}\``
      : `${text} (\`${target.path}\` in the repository)`;
  });
}
