import { defineConfig } from 'vitest/config';
import { reporters } from './test/helpers/outcome-reporter.ts';
import { patience } from './test/helpers/patience.ts';
import { sourceConditions } from './test/helpers/source-conditions.ts';

const major = process.env['MILLRACE_TEST_MAJOR'] ?? '18';

/** Tests with the libraries whose transactions Millrace joins; `test/orms` has a lock of its own. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: ['test/orms/**/*.test.ts'],
    globalSetup: ['test/helpers/global-setup.ts'],
    pool: 'forks',
    ...patience,
    reporters: reporters(`npm run test:orms, PostgreSQL ${major}`),
    typecheck: {
      enabled: true,
      include: ['test/orms/**/*.test-d.ts'],
      tsconfig: 'test/orms/tsconfig.json',
    },
  },
});
