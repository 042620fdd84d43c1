import type { Clock } from '../core/clock.ts';
import type { Millrace } from '../core/millrace.ts';
import { checkOptions, grantsChecks } from '../core/options.ts';
import type { OperatorStore } from '../core/operator/store.ts';
import { diagnose } from './doctor/doctor.ts';
import { Jobs, type JobsParts } from './jobs.ts';
import { Pauses } from './pauses.ts';
import { Schedules, type EnqueueBy } from './schedules.ts';
import { readStats } from './stats.ts';
import { tailJobs } from './tail.ts';
import { explainJob } from './why/why.ts';

/** What operators look at and do. */
export type Operator = Pick<
  Millrace,
  | 'bulk'
  | 'delete'
  | 'discard'
  | 'doctor'
  | 'edit'
  | 'fireSchedule'
  | 'grants'
  | 'list'
  | 'pauseQueue'
  | 'pauseSchedule'
  | 'queues'
  | 'reschedule'
  | 'resumeQueue'
  | 'resumeSchedule'
  | 'schedules'
  | 'stats'
  | 'tail'
  | 'why'
  | 'workers'
>;

/** Gives each question and verb what it needs. */
export function operatorOf(
  parts: JobsParts & {
    readonly store: OperatorStore;
    readonly clock: Clock;
    readonly client: JobsParts['client'] & { readonly enqueueBy: EnqueueBy };
  },
): Operator {
  const { store, clock, emit, client } = parts;
  const { overview } = store;
  const pauses = new Pauses(store.pauses, emit);
  const schedules = new Schedules({
    ...parts,
    overview,
    enqueueBy: (...job) => client.enqueueBy(...job),
  });
  const jobs = new Jobs(parts);
  return {
    bulk: (verb, filter, rest) => jobs.bulk(verb, filter, rest),
    delete: (id, rest) => jobs.delete(id, rest),
    discard: (id, rest) => jobs.discard(id, rest),
    doctor: async () => diagnose(await store.health.read()),
    edit: (id, rest) => jobs.edit(id, rest),
    fireSchedule: (name, rest) => schedules.fire(name, rest),
    grants: (roles) => store.grants(checkOptions(grantsChecks, roles, 'grants')),
    list: (rest) => jobs.list(rest),
    pauseQueue: (queue, rest) => pauses.pause(queue, rest),
    pauseSchedule: (name, rest) => schedules.pause(name, rest),
    queues: () => overview.queues(),
    reschedule: (id, rest) => jobs.reschedule(id, rest),
    resumeQueue: (queue) => pauses.resume(queue),
    resumeSchedule: (name) => schedules.resume(name),
    schedules: (rest) => schedules.list(rest),
    stats: () => readStats(overview),
    tail: (rest) => tailJobs(store.activity, clock, rest),
    why: (id) => explainJob(id, store.why),
    workers: () => overview.workers(),
  };
}
