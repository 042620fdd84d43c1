/** Of `@bcoe/v8-coverage`, which brings no types, what is used here. */
declare module '@bcoe/v8-coverage' {
  import type { Profiler } from 'node:inspector';

  /** Coverage of one source by several processes, as if one process had run it. */
  export function mergeScriptCovs(
    scripts: readonly Profiler.ScriptCoverage[],
  ): Profiler.ScriptCoverage;
}
