export { sentry } from './telemetry/sentry.ts';

export type { SentryModule, SentryScope } from './telemetry/sentry.ts';
