/**
 * Traces and metrics for OpenTelemetry.
 *
 * @module millrace/opentelemetry
 */
export { opentelemetry } from './telemetry/opentelemetry.ts';

export type { OpenTelemetryOptions } from './telemetry/opentelemetry.ts';
