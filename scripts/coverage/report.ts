import {
  createCoverageSummary,
  type CoverageMap,
  type CoverageSummary,
} from '@vitest/istanbul-lib-coverage';
import { create, createContext } from '@vitest/istanbul-lib-report';

/** The least that must be covered, in percent, of the files below a folder. */
export interface Demand {
  readonly below: string;
  readonly lines: number;
  readonly branches: number;
}

/** lcov for tools, HTML for people. */
export function writeReports(map: CoverageMap, dir: string): void {
  const context = createContext({ coverageMap: map, dir, defaultSummarizer: 'nested' });
  create('lcovonly').execute(context);
  create('html').execute(context);
}

/** A line for each folder, and the lines and branches that nothing ran. */
export function printSummary(map: CoverageMap, root: string): void {
  const folders = Map.groupBy(map.files(), (path) => folderOf(path.slice(root.length)));
  for (const [folder, files] of folders) {
    console.log(figures(folder, summaryOf(map, files)));
    for (const path of files) printGaps(map, path, root);
  }
  console.log(figures('all', map.getCoverageSummary()));
}

/** What is demanded and not reached, in words. */
export function shortfalls(map: CoverageMap, root: string, demands: readonly Demand[]): string[] {
  return demands.flatMap(({ below, ...least }) => {
    const files = map.files().filter((path) => path.startsWith(root + below));
    const summary = summaryOf(map, files);
    return (['lines', 'branches'] as const).flatMap((what) => {
      const { covered, total } = summary[what];
      return covered * 100 >= least[what] * total
        ? []
        : [`${below}: ${covered} of ${total} ${what} are covered, ${least[what]} % must be`];
    });
  });
}

const summaryOf = (map: CoverageMap, files: readonly string[]): CoverageSummary =>
  files.reduce(
    (sum, path) => sum.merge(map.fileCoverageFor(path).toSummary()),
    createCoverageSummary(),
  );

/** The package and the room: `packages/millrace/src/core/operator/why.ts` is in `millrace/core`. */
function folderOf(path: string): string {
  const [, name, , ...rest] = path.split('/');
  return rest.length > 1 ? `${name}/${rest[0]}` : `${name}`;
}

function figures(name: string, { lines, branches }: CoverageSummary): string {
  const share = ({ covered, total }: { covered: number; total: number }) =>
    `${(total === 0 ? 100 : (covered / total) * 100).toFixed(1).padStart(5)} % (${covered}/${total})`;
  return `${name.padEnd(24)} lines ${share(lines).padEnd(20)} branches ${share(branches)}`;
}

function printGaps(map: CoverageMap, path: string, root: string): void {
  const file = map.fileCoverageFor(path);
  const lines = file.getUncoveredLines();
  const branches = Object.entries(file.getBranchCoverageByLine()).flatMap(
    ([line, { covered, total }]) =>
      covered < total && !lines.includes(line) ? [`${line} (${total - covered})`] : [],
  );
  if (lines.length + branches.length === 0) return;
  const gaps = [
    ...(lines.length > 0 ? [`lines ${ranges(lines.map(Number))}`] : []),
    ...(branches.length > 0 ? [`branches of lines ${branches.join(', ')}`] : []),
  ];
  console.log(`  ${path.slice(root.length)}: ${gaps.join('; ')}`);
}

function ranges(lines: readonly number[]): string {
  const found: [number, number][] = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (last?.[1] === line - 1) last[1] = line;
    else found.push([line, line]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}
