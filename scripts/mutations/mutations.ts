/** Every clause of the statements that keeps two from writing about one row, and the test that notices when it is gone. */
import { fences, model, storage, type Clause } from './clause.ts';
import { liveness } from './liveness.ts';
import { progress } from './progress.ts';
import { schedules } from './schedules.ts';

export interface Mutation extends Clause {
  /** A file of `storage/sql`, and the statement in it. */
  readonly file: 'claim' | 'settle' | 'liveness' | 'schedules' | 'progress';
  readonly statement: string;
}

const waitsButLeased = fences('a row that waits is nobody’s, even if it had kept its lease');
const transferBeside = fences('what somebody holds is asked for again, and then left behind');
const transferOfMoved = fences('what runs under another lease is lost at once');
const transferOfWaiting = fences('what waits, even if its row had kept the lease is lost at once');
const claimBeside = storage('passes over a row that somebody holds, without waiting');
const claimBesideCompletion = fences(
  'a completion whose row somebody holds is busy, and the claim that it rides on waits not',
);
const settleBeside = storage('a row held by somebody else is answered as busy at once');

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
        clause: 'EXISTS (SELECT FROM ${s}.worker_dead d WHERE d.no = $11::int) AS dead',
        becomes: 'false AS dead',
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
  liveness,
  schedules,
  progress,
};

export const mutations: readonly Mutation[] = Object.entries(clauses).flatMap(
  ([file, statements]) =>
    Object.entries(statements).flatMap(([statement, list]) =>
      list.map((clause) => ({ file: file as Mutation['file'], statement, ...clause })),
    ),
);
