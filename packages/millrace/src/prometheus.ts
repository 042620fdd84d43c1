/**
 * Metrics for Prometheus.
 *
 * @module millrace/prometheus
 */
export { prometheus } from './telemetry/prometheus.ts';

export type { PrometheusMetrics, PrometheusOptions } from './telemetry/prometheus.ts';
