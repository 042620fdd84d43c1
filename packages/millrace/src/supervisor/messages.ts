import type { Health } from '../core/health.ts';
import type { MetricJson } from '../telemetry/metric.ts';

/** What a process measures at one moment. */
export type MetricsJson = readonly MetricJson[];

/** What the supervisor sends to its children over their channel. */
export type ToChild =
  /** Stop within the grace; with `now` at once. */
  | { readonly type: 'stop'; readonly now: boolean }
  /** This process has certainly ended. */
  | { readonly type: 'ended'; readonly boot: string }
  | { readonly type: 'ask health'; readonly no: number }
  | { readonly type: 'ask metrics'; readonly no: number };

/** What a child sends to its supervisor. */
export type FromChild =
  | { readonly type: 'hello'; readonly boot: string }
  | { readonly type: 'ready' }
  | { readonly type: 'usage'; readonly rssBytes: number; readonly jobs: number }
  | { readonly type: 'health'; readonly no: number; readonly health: Health }
  | { readonly type: 'metrics'; readonly no: number; readonly metrics: MetricsJson }
  /** What it has counted to its end; empty where it counts nothing. */
  | { readonly type: 'done'; readonly givenBack: number; readonly counts: MetricsJson };

/** Tells a process that it has a supervisor. */
export const supervisedVariable = 'MILLRACE_SUPERVISED';
