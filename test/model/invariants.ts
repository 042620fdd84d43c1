import { isLocked, isRegistered } from './changes.ts';
import { isFinished, noOf, type Rules } from './rows.ts';
import type { State } from './state.ts';
import { progress, type Step } from './steps.ts';

/** What must hold of every step; `before` is the state that it was taken in. */
export const invariants = {
  'a finished job stays what it is': (before, { state }) =>
    before.jobs.every((job, index) => !isFinished(job) || state.jobs[index] === job),

  'attempts are never more than the job may have, nor fewer than none': (_, { state }) =>
    state.jobs.every(({ attempt, maxAttempts }) => attempt >= 0 && attempt <= maxAttempts),

  'nobody writes under a lease that is not its own': (before, { wrote }) =>
    wrote === undefined || before.jobs[wrote.job]?.holder === wrote.process,

  'no two that live and are registered run one job': (_, { state }) =>
    state.jobs.every((_job, index) => runners(state, index) <= 1),

  'nobody who lives is declared dead with a job in hand': (before, { type, state }) =>
    type !== 'judges' ||
    before.registered.every(({ no }) => isRegistered(state, no) || !worksUnder(before, no)),

  'a crash is counted only where the session was seen to end': (before, { state }) =>
    before.jobs.every(
      ({ crashes, lease }, index) =>
        crashes === state.jobs[index]?.crashes || !isLocked(before, noOf(lease)),
    ),

  'who was declared dead takes no job by a claim that began later': (before, { state }) =>
    before.calls.every(
      (call) =>
        call.type !== 'claim' ||
        !call.dead ||
        state.jobs.every(
          ({ lease }, job) => lease !== call.lease || lease === before.jobs[job]?.lease,
        ),
    ),
} satisfies Record<string, (before: State, step: Step) => boolean>;

export type Invariant = keyof typeof invariants | 'every job can be finished';

function runners(state: State, job: number): number {
  return state.workers.filter(
    ({ life, hands }) =>
      life === 'up' &&
      hands.some(
        (hand) =>
          hand.job === job && hand.outcome === null && isRegistered(state, noOf(hand.lease)),
      ),
  ).length;
}

/** Whether somebody who lives has a job in hand under this number. Who was frozen has given a sign of life since. */
function worksUnder(state: State, no: number): boolean {
  return state.workers.some(
    ({ process, life, isLate, hands }) =>
      life === 'up' &&
      !isLate &&
      hands.some(({ job }) => {
        const row = state.jobs[job];
        return row?.holder === process && row.state === 'running' && noOf(row.lease) === no;
      }),
  );
}

/** In this order everything gets its turn; whoever is frozen stays so until the others have done what they can. */
const turns: readonly (readonly [type: string, times: number])[] = [
  ['reaches the server again', 3],
  ['another process takes its place', 3],
  ['', 40],
  ['looks', 1],
  ['judges', 5],
  ['looks after a long time', 1],
  ['judges', 5],
  ['finds', 1],
  ['takes', 1],
  ['thaws', 1],
];
const named = new Set(turns.map(([type]) => type));
const rounds = 12;

/** Whether all jobs are finished in the end, when nothing else goes wrong and everything gets its turn. */
export function settlesDown(from: State, rules: Rules): boolean {
  let state = from;
  for (let round = 0; round < rounds; round++) {
    if (state.jobs.every(isFinished)) return true;
    for (const [type, times] of turns) {
      for (let time = 0; time < times; time++) {
        const step = firstOf(state, rules, type);
        if (step === undefined) break;
        state = step.state;
      }
    }
  }
  return state.jobs.every(isFinished);
}

/** The first step of a type that changes anything; without a type, of all that have no turn of their own. */
function firstOf(state: State, rules: Rules, type: string): Step | undefined {
  for (const step of progress(state, rules)) {
    if (type === '' ? !named.has(step.type) : step.type === type) return step;
  }
  return undefined;
}
