import { fences, type Clause } from './clause.ts';

const firedOnce = fences('a fire time is made once');
const letGoOnce = fences('fire times that are let go stay so');

/** What makes each fire time once. */
export const schedules: Readonly<Record<string, readonly Clause[]>> = {
  lockSchedules: [
    {
      clause: 'pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1::text, 0)) IS NULL',
      becomes: '$1::text IS NULL',
      breaks: 'schedulers that start at once do not see each other',
      test: fences('schedulers that start at once follow each other'),
    },
  ],
  adoptSchedules: [
    {
      clause: 'WHERE old.defined_at <= excluded.defined_at',
      becomes: '',
      breaks: 'a process of the old release writes its schedule back',
      test: fences('who started earlier changes no schedule of who started later'),
    },
  ],
  fireSchedule: [
    {
      clause: 'AND paused_at IS NULL',
      becomes: '',
      breaks: 'a scheduler that read the schedule before it was paused fires after it',
      test: {
        file: 'test/integration/schedule-pause.test.ts',
        name: 'a scheduler that read the schedule before it was paused fires nothing after it',
      },
    },
    {
      clause: 'AND last_fire < fire.at',
      becomes: '',
      breaks: 'a fire time older than the kept ones is made once more',
      test: firedOnce,
    },
    {
      clause: 'AND spec = $2::text',
      becomes: 'AND $2::text IS NOT NULL',
      breaks: 'a process fires by a schedule that is no longer valid',
      test: firedOnce,
    },
  ],
  letGo: [
    {
      clause: 'AND last_fire < until.at',
      becomes: '',
      breaks: 'fire times that were made are to be made again',
      test: letGoOnce,
    },
    {
      clause: 'AND spec = $2::text',
      becomes: 'AND $2::text IS NOT NULL',
      breaks: 'a process lets fire times of another schedule go',
      test: letGoOnce,
    },
  ],
};
