import type { Clock } from '../core/clock.ts';
import type { Emit } from '../core/events.ts';
import type { AnyJobDefinition } from '../core/job-definition.ts';
import type { Millrace } from '../core/millrace.ts';
import { checkOptions, grantsChecks } from '../core/options.ts';
import type { OperatorStore } from '../core/operator/store.ts';
import { diagnose } from './doctor/doctor.ts';
import { Pauses } from './pauses.ts';
import { Schedules, type Prepare } from './schedules.ts';
import { readStats } from './stats.ts';
import { tailJobs } from './tail.ts';
import { explainJob } from './why/why.ts';

/** What operators look at and do beside single jobs. */
export type Operator = Pick<
  Millrace,
  | 'doctor'
  | 'fireSchedule'
  | 'grants'
  | 'pauseQueue'
  | 'pauseSchedule'
  | 'queues'
  | 'resumeQueue'
  | 'resumeSchedule'
  | 'schedules'
  | 'stats'
  | 'tail'
  | 'why'
  | 'workers'
>;

/** Gives each question and verb what it needs. */
export function operatorOf(parts: {
  readonly store: OperatorStore;
  readonly clock: Clock;
  readonly jobs: ReadonlyMap<string, AnyJobDefinition>;
  readonly prepare: Prepare;
  readonly emit: Emit;
}): Operator {
  const { store, clock, emit } = parts;
  const { overview } = store;
  const pauses = new Pauses(store.pauses, emit);
  const schedules = new Schedules({ ...parts, overview });
  return {
    doctor: async () => diagnose(await store.health.read()),
    fireSchedule: (name, rest) => schedules.fire(name, rest),
    grants: (roles) => store.grants(checkOptions(grantsChecks, roles, 'grants')),
    pauseQueue: (queue, rest) => pauses.pause(queue, rest),
    pauseSchedule: (name, rest) => schedules.pause(name, rest),
    queues: () => overview.queues(),
    resumeQueue: (queue) => pauses.resume(queue),
    resumeSchedule: (name) => schedules.resume(name),
    schedules: (rest) => schedules.list(rest),
    stats: () => readStats(overview),
    tail: (rest) => tailJobs(store.activity, clock, rest),
    why: (id) => explainJob(id, store.why),
    workers: () => overview.workers(),
  };
}
