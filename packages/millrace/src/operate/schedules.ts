import { MillraceError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { EnqueueResult } from '../core/enqueue.ts';
import type { AnyJobDefinition, JobRequest } from '../core/job-definition.ts';
import type {
  DescribedSchedule,
  Overview,
  ScheduleInfo,
  SchedulePauseAnswer,
  ScheduleResumeAnswer,
} from '../core/operator/overview.ts';
import type { PauseOptions } from '../core/operator/pauses.ts';
import {
  checkOptions,
  fireScheduleChecks,
  nearest,
  pauseChecks,
  schedulesChecks,
} from '../core/options.ts';
import type { FireTimes } from '../core/schedule.ts';
import type { Schedule } from '../core/schedule-options.ts';
import type { NewJob } from '../core/storage.ts';

/** More are not counted. */
const mostCounted = 1_000;

/** What operators do with schedules. */
export class Schedules {
  readonly #parts: SchedulesParts;

  constructor(parts: SchedulesParts) {
    this.#parts = parts;
  }

  async list(options: { readonly next?: number } = {}): Promise<readonly ScheduleInfo[]> {
    const { next } = checkOptions(schedulesChecks, options, 'schedules');
    // Reads cron expressions, which a process that only enqueues never has to.
    const { fireTimesOf } = await import('../core/schedule-spec.ts');
    const found = await this.#parts.overview.schedules();
    return found.map((each) => describe(each, fireTimesOf(each.spec), next ?? 1));
  }

  async pause(name: string, options: PauseOptions): Promise<SchedulePauseAnswer> {
    const { by, reason } = checkOptions(pauseChecks, options, 'pauseSchedule');
    if (by === undefined) throw missing('pauseSchedule: by');
    if (reason === undefined) throw missing('pauseSchedule: reason');
    const { status } = await this.#parts.overview.pauseSchedule(name, { by, reason });
    if (status === 'missing') throw await this.#unknown(name);
    return { status };
  }

  async resume(name: string): Promise<ScheduleResumeAnswer> {
    const { status } = await this.#parts.overview.resumeSchedule(name);
    if (status === 'missing') throw await this.#unknown(name);
    return { status };
  }

  /** Also while it is paused: who asks for one run means it. */
  async fire(name: string, options: { readonly by: string }): Promise<{ readonly id: string }> {
    const { by } = checkOptions(fireScheduleChecks, options, 'fireSchedule');
    if (by === undefined) throw missing('fireSchedule: by');
    const { overview, enqueueBy, emit } = this.#parts;
    const { definition, schedule } = this.#find(name);
    const fireTime = new Date(await overview.nowMs());
    const request = { definition, payload: schedule.payload({ fireTime }), options: {} };
    const { id } = await enqueueBy(request, async (job) => {
      const made = await overview.runSchedule({ name, by, job });
      const { kind, queue } = job;
      emit('job:enqueued', { id: made, kind, queue, deduplicated: false, notified: null });
      return { status: 'created', id: made };
    });
    return { id };
  }

  #find(name: string): { readonly definition: AnyJobDefinition; readonly schedule: Schedule } {
    const all = [...this.#parts.jobs.values()].flatMap((definition) =>
      definition.settings.schedules.map((schedule) => ({ definition, schedule })),
    );
    const found = all.find(({ schedule }) => schedule.name === name);
    if (found !== undefined) return found;
    const names = all.map(({ schedule }) => schedule.name);
    throw unknown(`no definition of this process has the schedule '${name}'`, name, names);
  }

  async #unknown(name: string): Promise<MillraceError> {
    const names = (await this.#parts.overview.schedules()).map((each) => each.name);
    return unknown(`the database has no schedule '${name}'`, name, names);
  }
}

/** Takes a job through all that comes before `store`. */
export type EnqueueBy = (
  request: JobRequest,
  store: (job: NewJob) => Promise<EnqueueResult>,
) => Promise<EnqueueResult>;

interface SchedulesParts {
  readonly overview: Overview;
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  readonly enqueueBy: EnqueueBy;
  readonly emit: Emit;
}

function missing(what: string): MillraceError {
  return new MillraceError('MILLRACE_OPTION_INVALID', `${what} is missing`);
}

function unknown(message: string, name: string, known: readonly string[]): MillraceError {
  const near = nearest(name, known);
  const hint = near === undefined ? '' : `; did you mean '${near}'?`;
  return new MillraceError('MILLRACE_SCHEDULE_UNKNOWN', message + hint);
}

function describe(
  { consideredUntil, nowMs, ...schedule }: DescribedSchedule,
  times: FireTimes | null,
  next: number,
): ScheduleInfo {
  if (times === null) return { ...schedule, nextFires: [], skipped: 0, overdue: 0 };
  const anchorMs = schedule.anchor.getTime();
  const untilMs = consideredUntil.getTime();
  const between = (afterMs: number, endMs: number, most: number) =>
    timesBetween({ times, anchorMs, afterMs, endMs, most });
  const future = between(Math.max(nowMs, untilMs), Number.POSITIVE_INFINITY, next);
  return {
    ...schedule,
    nextFires: schedule.paused === null ? future.map((at) => new Date(at)) : [],
    // A schedule that has changed counts anew from its anchor.
    skipped: between(Math.max(anchorMs, schedule.lastFire?.getTime() ?? 0), untilMs, mostCounted)
      .length,
    overdue: between(untilMs, nowMs, mostCounted).length,
  };
}

function timesBetween(input: {
  readonly times: FireTimes;
  readonly anchorMs: number;
  readonly afterMs: number;
  readonly endMs: number;
  readonly most: number;
}): number[] {
  const { times, anchorMs, afterMs, endMs, most } = input;
  const found: number[] = [];
  let at = times.next(afterMs, anchorMs);
  while (at !== null && at <= endMs && found.length < most) {
    found.push(at);
    at = times.next(at, anchorMs);
  }
  return found;
}
