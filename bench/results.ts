/** Results that are kept: one file for each scenario. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Figure } from './figures.ts';

export interface Result {
  readonly scenario: string;
  readonly about: string;
  readonly charts: readonly string[];
  readonly date: string;
  readonly commit: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly sizes: Readonly<Record<string, number>>;
  /** What the configurations are, by `peer:config`. */
  readonly configs: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
}

export const resultsFolder = fileURLToPath(new URL('results/', import.meta.url));

export function saveResult(result: Result): string {
  const file = `${resultsFolder}${result.scenario}.json`;
  mkdirSync(resultsFolder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
  return file;
}

export function savedResults(): Result[] {
  mkdirSync(resultsFolder, { recursive: true });
  return readdirSync(resultsFolder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(`${resultsFolder}${name}`, 'utf8')) as Result);
}
