/** What may stand in a file: SQL, clocks, printing, and how much of anything. */
import {
  clockFile,
  houseRoot,
  longestFile,
  longestFunction,
  longestTestFunction,
  longTextsIn,
  notAClock,
  printingRooms,
} from './house.ts';
import type { Problem, Tree } from './problem.ts';
import { functionsOf, importsOf, lineAt, readSource, type Source } from './source.ts';

interface HouseSource extends Source {
  readonly path: string;
  readonly room: string;
}

export function contentProblems(tree: Tree): Problem[] {
  const sources = houseSources(tree);
  return [
    ...sources.flatMap(sqlProblems),
    ...clockProblems(sources),
    ...sources.flatMap(printProblems),
    ...[...tree].filter(([path]) => path.endsWith('.ts')).flatMap(sizeProblems),
  ];
}

function houseSources(tree: Tree): HouseSource[] {
  return [...tree]
    .filter(([path]) => path.startsWith(houseRoot) && !path.endsWith('.test.ts'))
    .map(([path, text]) => ({
      ...readSource(text),
      path,
      room: path.slice(houseRoot.length).split('/')[0] ?? '',
    }));
}

/** How statements begin. Case matters only where a sentence could begin in the same way. */
const sqlPatterns = [
  /^\s*with\s+[\w"]+(?:\s*\([^)]*\))?\s+as\s+(?:materialized\s+|not materialized\s+)?\(/im,
  /^\s*select\b[^.]*\bfrom\b/im,
  /^\s*SELECT\s/m,
  /^\s*insert\s+into\s/im,
  /^\s*update\s+\S+(?:\s+\w+)?\s+set\s/im,
  /^\s*delete\s+from\s/im,
  /^\s*(?:create(?:\s+or\s+replace)?|alter|drop)\s+(?:unlogged\s+|unique\s+|temp(?:orary)?\s+)?(?:table|index|view|schema|function|sequence|type|role|database|extension)\s/im,
  /^\s*(?:TRUNCATE|LISTEN|UNLISTEN|NOTIFY|LOCK\s+TABLE|GRANT|REVOKE|SET\s+(?:LOCAL|SESSION)|VACUUM|ANALYZE)\s/m,
  /^\s*(?:BEGIN|COMMIT|ROLLBACK|START TRANSACTION)\b[A-Z ]*;?\s*$/,
];

function sqlProblems({ path, text, literals, room }: HouseSource): Problem[] {
  if (room === 'storage') return [];
  return literals
    .filter((literal) => sqlPatterns.some((pattern) => pattern.test(literal.text)))
    .map(({ start }) => ({
      path,
      line: lineAt(text, start),
      message: 'contains SQL; only storage/ may',
    }));
}

/** What reads the time or waits for it. `new Date(x)` only converts. */
const clockPattern =
  /\b(?:Date\.now|new\s+Date(?=\s*(?:\(\s*\)|[^\s(]))|(?<!new\s+)(?<![.\w])Date(?=\s*\(\s*\))|setTimeout|setInterval|setImmediate|performance\b|process\.(?:hrtime|uptime)|AbortSignal\.timeout|Temporal\.Now)/g;

/** Modules that bring the same under another name. */
const clockModules = /^(?:node:)?(?:timers|timers\/promises|perf_hooks)$/;

function clockProblems(sources: readonly HouseSource[]): Problem[] {
  const used = new Set<(typeof notAClock)[number]>();
  const problems = sources
    .filter(({ path }) => path !== clockFile)
    .flatMap((source) =>
      clocksIn(source).flatMap(({ what, line }) => {
        const allowed = notAClock.find((each) => each.path === source.path && each.what === what);
        if (allowed !== undefined) used.add(allowed);
        return allowed !== undefined
          ? []
          : [
              {
                path: source.path,
                line,
                message: `uses ${what}; the only clock is the injected one`,
              },
            ];
      }),
    );
  const present = new Set(sources.map(({ path }) => path));
  const stale = notAClock.filter((each) => present.has(each.path) && !used.has(each));
  return [
    ...problems,
    ...stale.map(({ path, what }) => ({
      path,
      line: 0,
      message: `no longer uses ${what}; remove it from the list in scripts/tidy/house.ts`,
    })),
  ];
}

function clocksIn(source: HouseSource): { readonly what: string; readonly line: number }[] {
  const { code, text } = source;
  return [
    ...[...code.matchAll(clockPattern)].map(({ 0: what, index }) => ({
      what: what.replaceAll(/\s+/g, ' '),
      line: lineAt(text, index),
    })),
    ...importsOf(source)
      .filter(({ specifier }) => clockModules.test(specifier))
      .map(({ specifier, line }) => ({ what: specifier, line })),
  ];
}

function printProblems({ path, room, code, text }: HouseSource): Problem[] {
  if (printingRooms.includes(room)) return [];
  return [...code.matchAll(/\bconsole\s*(?:\.|\[)/g)].map(({ index }) => ({
    path,
    line: lineAt(text, index),
    message: `prints; only ${printingRooms.join(' and ')} may`,
  }));
}

function sizeProblems([path, text]: readonly [string, string]): Problem[] {
  const counted = path.startsWith(longTextsIn) ? withoutTemplateLines(text) : text;
  const lines = counted.trimEnd().split('\n').length;
  const long = functionsOf(counted).filter(
    // It groups tests and does nothing itself.
    (each) => each.lines > longestFunctionOf(path) && each.passedTo !== 'describe',
  );
  return [
    ...(lines > longestFile
      ? [{ path, line: 0, message: `has ${lines} lines; ${longestFile} are allowed` }]
      : []),
    ...long.map(({ line, lines: length }) => ({
      path,
      line,
      message: `a function of ${length} lines; ${longestFunctionOf(path)} are allowed`,
    })),
  ];
}

/** A table of cases, or a whole story that a test tells, may be longer than a step of the product. */
function longestFunctionOf(path: string): number {
  return path.startsWith('test/') ? longestTestFunction : longestFunction;
}

function withoutTemplateLines(text: string): string {
  let result = '';
  let at = 0;
  for (const { start, end, quote } of readSource(text).literals) {
    if (quote !== '`' || start < at) continue;
    result += `${text.slice(at, start)}\`\``;
    at = end;
  }
  return result + text.slice(at);
}
