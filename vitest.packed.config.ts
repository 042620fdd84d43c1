import { defineConfig } from 'vitest/config';
import { reporters } from './test/helpers/outcome-reporter.ts';
import { patience } from './test/helpers/patience.ts';
import { sourceConditions } from './test/helpers/source-conditions.ts';

/** Tests of the packed packages; `test/packed/run.ts` packs and installs them. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: ['test/packed/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    ...patience,
    // Compilers of other releases, and installations from a registry.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: reporters('npm run test:packed'),
  },
});
