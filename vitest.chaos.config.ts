import { defineConfig } from 'vitest/config';
import { reporters } from './test/helpers/outcome-reporter.ts';
import { sourceConditions } from './test/helpers/source-conditions.ts';

/** Storms: they need the machine for themselves, each brings its own server. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: ['test/chaos/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 30_000,
    reporters: reporters('npm run test:chaos'),
  },
});
