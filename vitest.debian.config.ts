import { defineConfig } from 'vitest/config';
import { reporters } from './test/helpers/outcome-reporter.ts';
import { sourceConditions } from './test/helpers/source-conditions.ts';

/** Tests against the programs of Debian's packages postgresql and pgbouncer, which npm does not install. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: ['test/debian/**/*.test.ts'],
    globalSetup: ['test/helpers/global-setup.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 30_000,
    reporters: reporters('npm run test:debian'),
  },
});
