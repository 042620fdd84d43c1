import type { Profiler } from 'node:inspector';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mergeScriptCovs } from '@bcoe/v8-coverage';

/** So many processes are merged at a time: what a whole run writes does not fit into memory. */
const atOnce = 50;

/** What all processes that wrote into the folder ran of the sources, which are named by their URLs. */
export function gathered(
  folder: string,
  sources: ReadonlyMap<string, string>,
): ReadonlyMap<string, Profiler.ScriptCoverage> {
  const merged = new Map<string, Profiler.ScriptCoverage>();
  const waiting = new Map<string, Profiler.ScriptCoverage[]>();
  const mergeWaiting = () => {
    for (const [url, scripts] of waiting) {
      const before = merged.get(url);
      merged.set(url, mergeScriptCovs(before === undefined ? scripts : [before, ...scripts]));
    }
    waiting.clear();
  };
  for (const [index, file] of readdirSync(folder).entries()) {
    for (const script of scriptsOf(join(folder, file))) {
      if (!isOf(script, sources.get(script.url))) continue;
      const list = waiting.get(script.url) ?? [];
      waiting.set(script.url, list);
      list.push(script);
    }
    if (index % atOnce === atOnce - 1) mergeWaiting();
  }
  mergeWaiting();
  return merged;
}

/**
 * A test that starts vitest by itself has processes in which Vite loads the sources, which makes other texts of them. Behind
 * the text, Node.js writes where it is from, as a URL or as a path. Who tells of a source a second time leaves the whole out.
 */
function isOf({ url, functions }: Profiler.ScriptCoverage, code: string | undefined): boolean {
  if (code === undefined) return false;
  const whole = functions.find(({ ranges }) => ranges[0]?.startOffset === 0)?.ranges[0];
  if (whole === undefined) return true;
  const rest = whole.endOffset - code.length - '\n\n//# sourceURL='.length;
  return rest === url.length || rest === fileURLToPath(url).length;
}

/** A process that was killed while it wrote leaves half a file. */
function scriptsOf(path: string): readonly Profiler.ScriptCoverage[] {
  try {
    const { result } = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly result: readonly Profiler.ScriptCoverage[];
    };
    return result;
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
