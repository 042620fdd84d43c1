/** Who may import whom. */
import { posix } from 'node:path';
import { houseRoot, packages, pureRooms, rooms } from './house.ts';
import type { Problem, Tree } from './problem.ts';
import { importsOf, readSource, type Import } from './source.ts';

/** A file of the house, by its path below the root. */
interface HouseFile {
  readonly name: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export function importProblems(tree: Tree): Problem[] {
  const files = houseFiles(tree);
  return [
    ...files.flatMap((file) => [...roomProblems(file), ...nameProblems(file)]),
    ...circleProblems(files),
  ];
}

/** Tests stand beside what they test, and are free to import. */
function houseFiles(tree: Tree): HouseFile[] {
  return [...tree]
    .filter(([path]) => path.startsWith(houseRoot) && !path.endsWith('.test.ts'))
    .map(([path, text]) => ({
      name: path.slice(houseRoot.length),
      text,
      imports: importsOf(readSource(text)),
    }));
}

function roomOf(name: string): string {
  return name.split('/')[0] ?? name;
}

function problem(name: string, line: number, message: string): Problem {
  return { path: houseRoot + name, line, message };
}

function roomProblems({ name, imports }: HouseFile): Problem[] {
  const room = rooms[roomOf(name)];
  if (room === undefined) return [problem(name, 0, `${roomOf(name)} is no room of the house`)];
  return imports.flatMap((imported) => {
    const message = imported.specifier.startsWith('.')
      ? neighbourProblem(name, targetOf(name, imported))
      : packageProblem(name, imported.specifier);
    return message === undefined ? [] : [problem(name, imported.line, message)];
  });
}

function targetOf(name: string, { specifier }: Import): string {
  return posix.normalize(posix.join(posix.dirname(name), specifier));
}

function neighbourProblem(name: string, target: string): string | undefined {
  const from = roomOf(name);
  const into = roomOf(target);
  if (into === from) return undefined;
  const room = rooms[into];
  if (room === undefined) return `imports ${target}, which is outside of the house`;
  const { floor, onlyFor = [from] } = room;
  if (!onlyFor.includes(from)) return `imports ${into}, which only ${onlyFor.join(' and ')} may`;
  const own = rooms[from]?.floor ?? 0;
  if (floor < own) return undefined;
  return `is on floor ${own} and imports ${into} on floor ${floor}`;
}

function packageProblem(name: string, specifier: string): string | undefined {
  const room = roomOf(name);
  if (specifier.startsWith('node:')) {
    return pureRooms.includes(room) ? `imports ${specifier}, but ${room} is pure` : undefined;
  }
  const [scope = '', rest] = specifier.split('/');
  const wanted = scope.startsWith('@') ? `${scope}/${rest}` : scope;
  const allowed = [...(packages[room] ?? []), ...(packages[name] ?? [])];
  return allowed.includes(wanted) ? undefined : `imports the package ${wanted}, which it may not`;
}

function nameProblems({ name, text }: HouseFile): Problem[] {
  if (rooms[roomOf(name)]?.namesOnly?.includes(name) !== true) return [];
  const rest = readSource(text).code.replaceAll(
    /\bexport\s+(?:type\s+)?\{[^{}]*\}\s*from\s*['"]\s*['"]\s*;?/g,
    '',
  );
  return rest.trim() === ''
    ? []
    : [problem(name, 0, 'may contain `export … from` and nothing else')];
}

/** Circles of what is loaded when the program runs. Types that name each other across files are no circle. */
function circleProblems(files: readonly HouseFile[]): Problem[] {
  const next = new Map(
    files.map((file) => [
      file.name,
      file.imports
        .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
        .map((imported) => targetOf(file.name, imported)),
    ]),
  );
  const done = new Set<string>();
  const problems: Problem[] = [];
  const visit = (name: string, path: readonly string[]) => {
    const begin = path.indexOf(name);
    if (begin >= 0) {
      const circle = [...path.slice(begin), name].join(' → ');
      problems.push(problem(name, 0, `imports itself in a circle: ${circle}`));
    } else if (!done.has(name)) {
      for (const target of next.get(name) ?? []) visit(target, [...path, name]);
      done.add(name);
    }
  };
  for (const name of next.keys()) visit(name, []);
  return problems;
}
