/** Every clause of the statements that keeps two from writing about one row, and the test that notices when it is gone. */
import { progress } from './progress.ts';

export interface Mutation extends Clause {
  /** A file of `storage/sql`, and the statement in it. */
  readonly file: 'claim' | 'settle' | 'liveness' | 'schedules' | 'progress';
  readonly statement: string;
}

export interface Clause {
  /** Text that occurs once in the statement, and what stands there instead. */
  readonly clause: string;
  readonly becomes: string;
  /** What happens without it. */
  readonly breaks: string;
  readonly test: TestName;
}

/** A test by its file and a part of its name. */
export interface TestName {
  readonly file: string;
  readonly name: string;
}

const model: TestName = {
  file: 'test/model/storage.test.ts',
  name: 'it holds what the model of the protocol holds',
};
const fences = (name: string): TestName => ({ file: 'test/integration/fences.test.ts', name });
const storage = (name: string): TestName => ({ file: 'test/integration/storage.test.ts', name });

const waitsButLeased = fences('a row that waits is nobody’s, even if it had kept its lease');
const transferBeside = fences('what somebody holds is asked for again, and then left behind');
const transferOfMoved = fences('what runs under another lease is lost at once');
const transferOfWaiting = fences('what waits, even if its row had kept the lease is lost at once');
const locksOfOthers = fences('is not another’s in the same database');
const firedOnce = fences('a fire time is made once');
const letGoOnce = fences('fire times that are let go stay so');
const claimBeside = storage('passes over a row that somebody holds, without waiting');
const claimBesideCompletion = fences(
  'a completion whose row somebody holds is busy, and the claim that it rides on waits not',
);
const settleBeside = storage('a row held by somebody else is answered as busy at once');
const rescueBeside = storage('a row held by an open transaction delays only its own rescue');

const clauses: Readonly<Record<Mutation['file'], Readonly<Record<string, readonly Clause[]>>>> = {
  claim: {
    claimed: [
      {
        clause: 'c.state = 0',
        becomes: 'true',
        breaks: 'what runs is claimed once more',
        test: model,
      },
      {
        clause: 'FOR NO KEY UPDATE SKIP LOCKED',
        becomes: 'FOR NO KEY UPDATE',
        breaks: 'a claim waits for a row that somebody holds',
        test: claimBeside,
      },
      {
        clause: 'FOR NO KEY UPDATE SKIP LOCKED',
        becomes: '',
        breaks: 'of two claims at once the second waits, and then takes what the first has',
        test: claimBeside,
      },
      {
        clause: 'NOT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $11::int)',
        becomes: 'true',
        breaks: 'who was declared dead goes on taking jobs',
        test: model,
      },
    ],
    answer: [
      {
        clause: 'SELECT EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $11::int) AS dead',
        becomes: 'SELECT false AS dead',
        breaks: 'who was declared dead does not learn it from its claims',
        test: model,
      },
    ],
    completeAndClaim: [
      {
        clause: 'AND j.lease = i.lease',
        becomes: '',
        breaks: 'a late worker completes a job that is somebody else’s',
        test: model,
      },
      {
        clause: 'AND j.state = 1',
        becomes: '',
        breaks: 'only the forgotten lease keeps a waiting job from being completed',
        test: waitsButLeased,
      },
      {
        clause: 'FOR UPDATE SKIP LOCKED',
        becomes: 'FOR UPDATE',
        breaks: 'one held row holds up the completions of all others, and the claim',
        test: claimBesideCompletion,
      },
      {
        clause: 'FOR UPDATE SKIP LOCKED',
        becomes: '',
        breaks: 'what passed the fence may have moved on before it is written',
        test: claimBesideCompletion,
      },
    ],
  },
  settle: {
    settle: [
      {
        clause: 'AND j.lease = i.lease',
        becomes: '',
        breaks: 'a late worker settles a job that is somebody else’s',
        test: model,
      },
      {
        clause: 'AND j.state = 1',
        becomes: '',
        breaks: 'only the forgotten lease keeps a waiting job from being settled',
        test: waitsButLeased,
      },
      {
        clause: 'FOR UPDATE SKIP LOCKED',
        becomes: 'FOR UPDATE',
        breaks: 'one held row holds up the settlements of all others',
        test: settleBeside,
      },
      {
        clause: 'FOR UPDATE SKIP LOCKED',
        becomes: '',
        breaks: 'what passed the fence may have moved on before it is written',
        test: settleBeside,
      },
    ],
    whereabouts: [
      {
        clause: 'AND j.lease = i.lease',
        becomes: '',
        breaks: 'a late worker tries for ever to settle what somebody else runs',
        test: model,
      },
      {
        clause: 'AND j.state = 1',
        becomes: '',
        breaks: 'only the forgotten lease keeps a waiting job from looking busy',
        test: waitsButLeased,
      },
      {
        clause: 'AND h.lease = i.lease',
        becomes: '',
        breaks: 'a late worker takes the outcome of another for its own',
        test: model,
      },
      {
        clause: 'AND a.lease = i.lease',
        becomes: '',
        breaks: 'a late worker takes an earlier attempt for its own',
        test: model,
      },
      {
        clause: `AND a.ending <> 'crashed'`,
        becomes: '',
        breaks: 'a late worker takes its own rescue for a settlement',
        test: model,
      },
    ],
    holds: [
      {
        clause: 'AND j.lease = i.lease',
        becomes: '',
        breaks: 'a late worker believes that the job is still its own',
        test: model,
      },
      {
        clause: 'AND j.state = 1',
        becomes: '',
        breaks: 'only the forgotten lease keeps a waiting job from looking held',
        test: waitsButLeased,
      },
    ],
    transfer: [
      {
        clause: 'AND j.lease = i.lease AND j.state = 1 FOR',
        becomes: 'AND j.state = 1 FOR',
        breaks: 'a late worker moves a job that is somebody else’s to itself',
        test: transferOfMoved,
      },
      {
        clause: 'AND j.state = 1 FOR',
        becomes: 'FOR',
        breaks: 'only the forgotten lease keeps a waiting job from being moved',
        test: transferOfWaiting,
      },
      {
        clause: 'FOR NO KEY UPDATE SKIP LOCKED',
        becomes: 'FOR NO KEY UPDATE',
        breaks: 'one held row holds up the whole transfer',
        test: transferBeside,
      },
      {
        clause: 'FOR NO KEY UPDATE SKIP LOCKED',
        becomes: '',
        breaks: 'what passed the fence may have moved on before it is moved',
        test: transferBeside,
      },
      {
        clause: 'AND j.lease = i.lease AND j.state = 1 LIMIT',
        becomes: 'AND j.state = 1 LIMIT',
        breaks: 'a lost job looks held, and the transfer waits for it in vain',
        test: transferOfMoved,
      },
      {
        clause: 'AND j.state = 1 LIMIT',
        becomes: 'LIMIT',
        breaks: 'only the forgotten lease keeps a transfer from waiting for a waiting job',
        test: transferOfWaiting,
      },
    ],
  },
  liveness: {
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
        clause: 'WHERE j.state = 1 ORDER BY',
        becomes: 'ORDER BY',
        breaks:
          'only the forgotten lease keeps what was just given back from being rescued as well',
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
    ],
    isRegistered: [
      {
        clause: 'AND boot = $2::uuid',
        becomes: 'AND $2::uuid IS NOT NULL',
        breaks: 'a scheduler takes the number of another process for its own',
        test: fences('a number that another process has is not adopted under'),
      },
    ],
  },
  schedules: {
    lockSchedules: [
      {
        clause:
          'pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1::text, 0)) IS NULL',
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
  },
  progress,
};

export const mutations: readonly Mutation[] = Object.entries(clauses).flatMap(
  ([file, statements]) =>
    Object.entries(statements).flatMap(([statement, list]) =>
      list.map((clause) => ({ file: file as Mutation['file'], statement, ...clause })),
    ),
);
