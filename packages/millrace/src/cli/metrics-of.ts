import type { Millrace } from '../core/millrace.ts';
import type { Telemetry } from '../core/telemetry.ts';
import type { PrometheusMetrics } from '../prometheus.ts';

/** The metrics that the configuration has attached, which may have more than ours; else ours. */
export async function metricsOf(millrace: Millrace): Promise<PrometheusMetrics> {
  const theirs = [...millrace.attached].find(isPrometheus);
  if (theirs !== undefined) return theirs;
  const { prometheus } = await import('../prometheus.ts');
  return millrace.attach(prometheus());
}

/** By shape, because the project may have another copy of this package than the one that runs. */
function isPrometheus(tool: Telemetry): tool is PrometheusMetrics {
  return tool.name === 'prometheus' && 'registry' in tool && 'json' in tool;
}
