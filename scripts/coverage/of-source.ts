import type { Profiler } from 'node:inspector';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { CoverageMapData } from '@vitest/istanbul-lib-coverage';
import { convert } from 'ast-v8-to-istanbul';
import { parseSync } from 'vite';

/** A source as Node.js runs it: with blanks in the place of types, so that positions stay what they are. */
export function asItRuns(url: string): string {
  return stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'));
}

/** Which statements and branches of a source ran. */
export async function coverageOf(
  url: string,
  code: string,
  ran: Profiler.ScriptCoverage | undefined,
): Promise<CoverageMapData> {
  const { program } = parseSync('source.js', code);
  return convert({ code, ast: program, coverage: ran ?? neverLoaded(url, code) });
}

function neverLoaded(
  url: string,
  code: string,
): Pick<Profiler.ScriptCoverage, 'functions' | 'url'> {
  const ranges = [{ startOffset: 0, endOffset: code.length, count: 0 }];
  return { url, functions: [{ functionName: '', isBlockCoverage: true, ranges }] };
}
