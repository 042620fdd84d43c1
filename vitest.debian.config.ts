import { defineConfig } from 'vitest/config';
import { reporters } from './test/helpers/outcome-reporter.ts';
import { patience } from './test/helpers/patience.ts';
import { sourceConditions } from './test/helpers/source-conditions.ts';

/** Tests against the programs of Debian's packages postgresql and pgbouncer, which npm does not install. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: ['test/debian/**/*.test.ts'],
    globalSetup: ['test/helpers/global-setup.ts'],
    pool: 'forks',
    ...patience,
    reporters: reporters('npm run test:debian'),
  },
});
