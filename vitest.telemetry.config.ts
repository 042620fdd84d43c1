import { defineConfig } from 'vitest/config';
import { reporters } from './test/helpers/outcome-reporter.ts';
import { patience } from './test/helpers/patience.ts';
import { sourceConditions } from './test/helpers/source-conditions.ts';

/** Tests with the SDKs of OpenTelemetry and Sentry; each folder has a lock of its own. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: ['test/telemetry/**/*.test.ts', 'examples/telemetry/**/*.test.ts'],
    globalSetup: ['test/helpers/global-setup.ts'],
    pool: 'forks',
    ...patience,
    reporters: reporters('npm run test:telemetry'),
  },
});
