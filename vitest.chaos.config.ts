import { defineConfig } from 'vitest/config';
import { reporters } from './test/helpers/outcome-reporter.ts';
import { patience } from './test/helpers/patience.ts';
import { sourceConditions } from './test/helpers/source-conditions.ts';

/** Storms: they need the machine for themselves, each brings its own server. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: ['test/chaos/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    ...patience,
    reporters: reporters('npm run test:chaos'),
  },
});
