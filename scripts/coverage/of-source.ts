import type { Profiler } from 'node:inspector';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { CoverageMapData } from '@vitest/istanbul-lib-coverage';
import { convert } from 'ast-v8-to-istanbul';
import { parseSync } from 'vite';

/**
 * Which statements and branches of a source ran. Node.js puts blanks in the place of types, so positions in what ran are
 * positions in the source.
 */
export async function coverageOf(
  url: string,
  ran: Profiler.ScriptCoverage | undefined,
): Promise<CoverageMapData> {
  const code = stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'));
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
