import { fences, model, storage, type Clause, type TestName } from './clause.ts';

const doubted: TestName = {
  file: 'test/integration/suspects.test.ts',
  name: 'lets it wait until its process is known to have ended or to live',
};
const locksOfOthers = fences('is not another’s in the same database');
const rescueBeside = storage('a row held by an open transaction delays only its own rescue');

/** What keeps the living from being taken for dead, and their jobs from being taken. */
export const liveness: Readonly<Record<string, readonly Clause[]>> = {
  takeLock: [
    {
      clause: 'pg_catalog.pg_try_advisory_lock(${s}.liveness_class(), $1::int)',
      becomes: '$1::int IS NOT NULL',
      breaks: 'nobody holds a lock, so everybody looks dead',
      test: model,
    },
  ],
  freeLock: [
    {
      clause: 'pg_catalog.pg_advisory_unlock(${s}.liveness_class(), $1::int)',
      becomes: '$1::int IS NOT NULL',
      breaks: 'the lock of an identity that has ended is held as long as its process lives',
      test: model,
    },
  ],
  register: [
    {
      clause: 'WHERE NOT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $1::int)',
      becomes: '',
      breaks: 'a number is given away once more while its last owner may still write under it',
      test: model,
    },
    {
      clause: 'ON CONFLICT DO NOTHING',
      becomes: '',
      breaks: 'a number that is taken is an error instead of a reason to draw again',
      test: model,
    },
  ],
  retire: [
    {
      clause: 'ON CONFLICT DO NOTHING',
      becomes: '',
      breaks: 'who was declared dead cannot move to a new identity',
      test: model,
    },
  ],
  heldLocks: [
    {
      clause: 'AND l.classid::bigint = ${s}.liveness_class()',
      becomes: '',
      breaks: 'any lock of an application or another schema keeps a dead worker alive',
      test: locksOfOthers,
    },
    {
      clause: 'd.datname = pg_catalog.current_database()',
      becomes: `d.datname <> ''`,
      breaks: 'a look at the locks fails where there is more than one database',
      test: locksOfOthers,
    },
  ],
  declareDead: [
    {
      clause: 'AND w.beat = f.beat',
      becomes: '',
      breaks: 'a sign of life between look and judgement does not count',
      test: model,
    },
    {
      clause: 'pg_catalog.pg_try_advisory_xact_lock(${s}.liveness_class(), f.no)',
      becomes: 'true',
      breaks: 'who holds its lock is declared crashed',
      test: model,
    },
  ],
  rescue: [
    {
      clause: 'AND NOT EXISTS (SELECT FROM ${s}.worker w WHERE w.no = (j.lease >> 32)::int)',
      becomes: '',
      breaks: 'jobs of the living are taken',
      test: model,
    },
    {
      clause: 'j.state = 1 AND NOT EXISTS',
      becomes: 'NOT EXISTS',
      breaks: 'what waits looks as if it could not be rescued, and rescue runs without end',
      test: model,
    },
    {
      clause: 'AND j.lease = o.lease',
      becomes: '',
      breaks: 'a job that has just moved to a living worker is taken',
      test: fences('moved to a living worker'),
    },
    {
      clause: 'AND j.state = 1 ORDER BY',
      becomes: 'ORDER BY',
      breaks: 'only the forgotten lease keeps what was just given back from being rescued as well',
      test: fences('was given back, even if its row had kept the lease,'),
    },
    {
      clause: 'FOR UPDATE OF j SKIP LOCKED',
      becomes: 'FOR UPDATE OF j',
      breaks: 'one held row holds up all rescue',
      test: rescueBeside,
    },
    {
      clause: 'FOR UPDATE OF j SKIP LOCKED',
      becomes: '',
      breaks: 'what passed the fence may have moved on before it is given back',
      test: rescueBeside,
    },
    {
      clause: 'd.no <> ALL ($4::int[] || $5::int[])',
      becomes: '$4::int[] IS NULL',
      breaks: 'a cut of the network, while a suspect runs alone, ends it for good',
      test: doubted,
    },
    {
      clause: 'd.no <> ALL ($5::int[]) AND',
      becomes: '',
      breaks: 'a process that is known to live counts as ended',
      test: doubted,
    },
  ],
  isRegistered: [
    {
      clause: 'AND boot = $2::uuid',
      becomes: 'AND $2::uuid IS NOT NULL',
      breaks: 'a scheduler takes the number of another process for its own',
      test: fences('a number that another process has is not adopted under'),
    },
  ],
};
