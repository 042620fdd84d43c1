/** What the packages may depend on. */
import { dependencies } from './house.ts';
import type { Problem, Tree } from './problem.ts';

export function dependencyProblems(tree: Tree): Problem[] {
  return Object.entries(dependencies).flatMap(([path, sections]) => {
    const text = tree.get(path);
    if (text === undefined) return [];
    const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
    return Object.entries(sections).flatMap(([section, allowed]) =>
      Object.keys(manifest[section] ?? {})
        .filter((name) => !allowed.some((pattern) => pattern.test(name)))
        .map((name) => ({
          path,
          line: 0,
          message: `${section} names ${name}, which is not on the list in scripts/tidy/house.ts`,
        })),
    );
  });
}
