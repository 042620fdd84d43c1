import { createHash } from 'node:crypto';
import { MillraceError, type ErrorCode } from '../core/errors.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { AttemptEnd, Telemetry, TelemetrySource } from '../core/telemetry.ts';
import { monitorSchedule, monitorSlug, type MonitorConfig } from './sentry-monitor.ts';

/** The job had moved on, which is told of elsewhere; whatever its late handler threw matters to nobody. */
const leaseLost: ErrorCode = 'MILLRACE_LEASE_LOST';

/** What is used of an event. */
export interface SentryEvent {
  fingerprint?: string[];
}

/** What is used of a scope. */
export interface SentryScope {
  addEventProcessor(processor: (event: SentryEvent) => SentryEvent): unknown;
  setTags(tags: Record<string, string>): unknown;
  setContext(name: string, context: Record<string, unknown>): unknown;
}

/** What is used of a module of Sentry's, such as `@sentry/node`, from release 8 on. */
export interface SentryModule {
  withIsolationScope<T>(callback: (scope: SentryScope) => T): T;
  captureException(
    exception: unknown,
    context: { readonly level: 'warning' | 'error'; readonly fingerprint: string[] },
  ): unknown;
  captureCheckIn(
    checkIn:
      | {
          readonly monitorSlug: string;
          readonly status: 'in_progress';
          readonly checkInId: string;
        }
      | {
          readonly monitorSlug: string;
          readonly status: 'ok' | 'error';
          readonly checkInId: string;
          readonly duration: number;
        },
    monitorConfig?: MonitorConfig,
  ): unknown;
}

/**
 * Reports to Sentry. Each attempt has an isolation scope with the tags `context=job` and `job=<kind>`, also for what the
 * handler reports itself. What a handler throws is reported once per attempt: as a warning while the job is tried again, as
 * an error when it is discarded; the kind is part of the fingerprint. Jobs of a schedule check in with Sentry's monitor of
 * that name when they first start, and when they are finished for good.
 * @param Sentry The module, initialized by the application.
 * @throws MILLRACE_OPTION_INVALID
 */
export function sentry(Sentry: SentryModule): Telemetry {
  if (typeof Sentry?.withIsolationScope !== 'function') {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      'sentry: pass the module, as in `sentry(Sentry)` after `import * as Sentry from "@sentry/node"`',
    );
  }
  let source: TelemetrySource | undefined;
  return {
    name: 'sentry',

    watch(watched) {
      source = watched;
    },

    aroundAttempt(job, run) {
      return Sentry.withIsolationScope((scope) => {
        describeJob(scope, job);
        const checkIn = source && checkInOf(job, source);
        if (checkIn !== undefined && job.attempt === 1) {
          const { monitorSlug: slug, checkInId, config } = checkIn;
          Sentry.captureCheckIn({ monitorSlug: slug, checkInId, status: 'in_progress' }, config);
        }
        return run().then((end) => {
          report(Sentry, scope, job, end);
          if (checkIn !== undefined) finishCheckIn(Sentry, checkIn, job, end);
        });
      });
    },
  };
}

function describeJob(scope: SentryScope, job: ClaimedJob): void {
  const { id, kind, queue, attempt, maxAttempts } = job;
  scope.setTags({ context: 'job', job: kind });
  scope.setContext('job', { id, kind, queue, attempt, maxAttempts });
}

/** That a handler was told to stop, or asked for something, is no error of anybody's. */
function report(
  Sentry: SentryModule,
  scope: SentryScope,
  { kind, id, attempt }: ClaimedJob,
  { finished, thrown }: AttemptEnd,
): void {
  const { error, state } = finished;
  if (error === null || thrown === undefined || error.code === leaseLost) return;
  const level = state === 'discarded' ? 'error' : 'warning';
  const fingerprint = ['{{ default }}', kind];
  // Sentry drops what looks like the event before it, such as the last attempt of a job. The processors of a scope come after
  // that, so that no group is ever made of a mark.
  const mark = `${id}/${attempt}`;
  scope.addEventProcessor((event) =>
    event.fingerprint?.at(-1) === mark ? Object.assign(event, { fingerprint }) : event,
  );
  Sentry.captureException(thrown, { level, fingerprint: [...fingerprint, mark] });
}

interface CheckIn {
  readonly monitorSlug: string;
  readonly checkInId: string;
  readonly config: MonitorConfig;
}

/** Undefined for jobs of no schedule, and of schedules that Sentry's monitors do not know, such as those by seconds. */
function checkInOf(job: ClaimedJob, { jobs }: TelemetrySource): CheckIn | undefined {
  const { schedule } = job.meta;
  if (schedule === undefined) return undefined;
  const known = jobs.get(job.kind)?.settings.schedules.find(({ name }) => name === schedule);
  const config = known && monitorSchedule(known.times.spec);
  if (config === undefined) return undefined;
  // The attempts of a job run in different processes and speak of the same check-in.
  const digest = createHash('sha256').update(`${schedule} ${job.id} ${job.createdMs}`);
  return {
    monitorSlug: monitorSlug(schedule),
    checkInId: digest.digest('hex').slice(0, 32),
    config,
  };
}

/** A job that waits for its next attempt is still in progress; one that was cancelled is as somebody wanted it. */
function finishCheckIn(
  Sentry: SentryModule,
  { monitorSlug: slug, checkInId, config }: CheckIn,
  job: ClaimedJob,
  { finished: { state, durationMs } }: AttemptEnd,
): void {
  if (state !== 'completed' && state !== 'discarded' && state !== 'cancelled') return;
  const status = state === 'discarded' ? 'error' : 'ok';
  const waitedMs = Math.max(0, job.claimedMs - job.createdMs);
  const duration = (job.attempt === 1 ? durationMs : waitedMs + durationMs) / 1_000;
  Sentry.captureCheckIn({ monitorSlug: slug, checkInId, status, duration }, config);
}
