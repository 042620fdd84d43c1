/** The order of the pages, as docs/README.md lists them. */
import { posix } from 'node:path';

/** What a list of the documents says of one of them, or of a folder of them. */
export interface Listed {
  readonly label: string;
  /** From the root of the repository. */
  readonly path: string;
}

export interface Section {
  readonly name: string;
  readonly listed: readonly Listed[];
}

/** The sections of a list of documents: each begins with its name in bold, and names a document in each item. */
export function sectionsOf(list: string, folder: string): Section[] {
  return list
    .split(/^(?=\*\*)/m)
    .slice(1)
    .map((text) => ({
      name: /^\*\*(.+?)\*\*/.exec(text)?.[1] ?? '',
      listed: [...text.matchAll(/^- \[(.+?)\]\((.+?)\)/gm)].map(([, label = '', target = '']) => ({
        label,
        path: posix.join(folder, target),
      })),
    }));
}
