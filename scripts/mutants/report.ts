import { readFileSync } from 'node:fs';

/** What Stryker wrote, as far as it is used here. */
interface Written {
  readonly files: Readonly<
    Record<string, { readonly source: string; readonly mutants: readonly WrittenMutant[] }>
  >;
}

interface WrittenMutant {
  readonly replacement: string;
  readonly status: 'Killed' | 'Timeout' | 'RuntimeError' | 'Survived' | 'NoCoverage' | 'Ignored';
  readonly location: { readonly start: Place; readonly end: Place };
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** A mutant that no test noticed. */
export interface Survivor {
  readonly file: string;
  readonly line: number;
  readonly code: string;
  readonly becomes: string;
}

/** What came of the mutants of one file. */
export interface FileResult {
  readonly file: string;
  readonly killed: number;
  /** Noticed because the tests did not end. */
  readonly timedOut: number;
  readonly survivors: readonly Survivor[];
}

export function readResults(path: string): readonly FileResult[] {
  const { files } = JSON.parse(readFileSync(path, 'utf8')) as Written;
  return Object.entries(files)
    .filter(([, { mutants }]) => mutants.length > 0)
    .map(([name, { source, mutants }]) => {
      const file = name.replace('packages/millrace/src/', '');
      const count = (...wanted: WrittenMutant['status'][]) =>
        mutants.filter(({ status }) => wanted.includes(status)).length;
      return {
        file,
        killed: count('Killed', 'RuntimeError'),
        timedOut: count('Timeout'),
        survivors: mutants
          .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
          .map(({ replacement, location: { start, end } }) => ({
            file,
            line: start.line,
            code: oneLine(cut(source, start, end)),
            becomes: oneLine(replacement),
          }))
          .toSorted((a, b) => a.line - b.line),
      };
    })
    .toSorted((a, b) => a.file.localeCompare(b.file));
}

function cut(source: string, start: Place, end: Place): string {
  const lines = source.split('\n');
  const offset = ({ line, column }: Place) =>
    lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
  return source.slice(offset(start), offset(end));
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim();
