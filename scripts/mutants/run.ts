import { Stryker } from '@stryker-mutator/core';

/**
 * Makes the mutants of the files and runs the tests that reach them. What was found before holds where neither the mutant
 * nor its tests have changed.
 */
export async function runMutants(files: readonly string[], folder: string): Promise<void> {
  await new Stryker({
    mutate: [...files],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'vitest.mutants.config.ts' },
    // It reads the configuration by the API of TypeScript, which TypeScript 7 does not have.
    tsconfigFile: 'none.json',
    concurrency: 2,
    incremental: true,
    incrementalFile: `${folder}/found.json`,
    tempDirName: `${folder}/sandbox`,
    ignorePatterns: ['bench', 'docs', 'examples', 'test/**/*.test.ts'],
    reporters: ['progress-append-only', 'json'],
    jsonReporter: { fileName: `${folder}/report.json` },
    allowConsoleColors: false,
  }).runMutationTest();
}
