/**
 * Error reports and cron monitors for Sentry.
 *
 * @module millrace/sentry
 */
export { sentry } from './telemetry/sentry.ts';

export type { SentryModule, SentryScope } from './telemetry/sentry.ts';
