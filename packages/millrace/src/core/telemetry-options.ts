/** The options of telemetry: their defaults and the checks they must pass. */
import { check, checkOptions } from './options.ts';

export const telemetryDefaults = {
  targetDelayMs: 30_000,
  capturedLines: 100,
  capturedBytes: 16 * 1024,
} as const;

export const prometheusChecks = {
  registry: check.any,
  targetDelay: check.positiveDuration,
} as const;

export const opentelemetryChecks = {
  trace: check.oneOf('link', 'parent'),
  spanName: check.oneOf('queue', 'kind'),
  metrics: check.boolean,
} as const;

/** How much of what a handler logs is kept with its attempt. */
export interface CaptureLimits {
  readonly lines: number;
  readonly bytes: number;
}

const captureChecks = {
  lines: check.whole(1, 10_000),
  bytes: check.whole(1_024, 1024 * 1024),
} as const;

/** Undefined: nothing is kept. @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID */
export function captureLimits(value: unknown, what: string): CaptureLimits | undefined {
  if (value === undefined || value === false) return undefined;
  const given = value === true ? {} : checkOptions(captureChecks, value, what);
  return {
    lines: given.lines ?? telemetryDefaults.capturedLines,
    bytes: given.bytes ?? telemetryDefaults.capturedBytes,
  };
}
