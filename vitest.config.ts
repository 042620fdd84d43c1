import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { reporters } from './test/helpers/outcome-reporter.ts';
import { patience } from './test/helpers/patience.ts';
import { sourceConditions } from './test/helpers/source-conditions.ts';

const major = process.env['MILLRACE_TEST_MAJOR'];

export default defineConfig({
  ...sourceConditions,
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      '**/dist/**',
      'test/chaos/**',
      'test/debian/**',
      'test/frameworks/**',
      'test/majors/**',
      'test/orms/**',
      'test/packed/**',
      'test/telemetry/**',
      'test/upgrade/**',
    ],
    globalSetup: ['test/helpers/global-setup.ts'],
    pool: 'forks',
    // Tests mostly wait for PostgreSQL, so even on two cores two files at a time are faster.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    ...patience,
    reporters: reporters(major === undefined ? 'npm test' : `PostgreSQL ${major}`),
    typecheck: {
      enabled: true,
      include: ['test/types/**/*.test-d.ts'],
      tsconfig: 'tsconfig.tests.json',
      // `npm run typecheck` reports the sources; here a type test speaks only for itself.
      ignoreSourceErrors: true,
    },
  },
});
