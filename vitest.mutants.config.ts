import { defineConfig } from 'vitest/config';
import { sourceConditions } from './test/helpers/source-conditions.ts';

/** The unit tests of the pure part, as `npm run mutants` runs them some thousand times. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: ['packages/millrace/src/core/**/*.test.ts'],
    setupFiles: ['scripts/mutants/few-examples.ts'],
  },
});
