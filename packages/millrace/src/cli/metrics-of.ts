import type { Millrace } from '../core/millrace.ts';
import type { Telemetry } from '../core/telemetry.ts';
import type { PrometheusMetrics } from '../prometheus.ts';
import { ifPromClient } from '../supervisor/prom-client.ts';

/** The metrics that the configuration has attached, which may have more than ours; else ours, if prom-client is there. */
export async function metricsOf(millrace: Millrace): Promise<PrometheusMetrics | undefined> {
  const theirs = [...millrace.attached].find(isPrometheus);
  if (theirs !== undefined) return theirs;
  const ours = await ifPromClient(import('../prometheus.ts'));
  return ours && millrace.attach(ours.prometheus());
}

/** By shape, because the project may have another copy of this package than the one that runs. */
function isPrometheus(tool: Telemetry): tool is PrometheusMetrics {
  return tool.name === 'prometheus' && 'registry' in tool && 'json' in tool;
}
