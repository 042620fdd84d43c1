import { buried, isLocked, isRegistered, withJob } from './changes.ts';
import { noOf, rescued, type Rules } from './rows.ts';
import type { Observer, State } from './state.ts';
import type { Steps } from './steps.ts';
import { isWell, numbersOf } from './worker-steps.ts';

/** What the one who judges the others does, and the rescue. */
export function* observerSteps(state: State, rules: Rules): Steps {
  for (const isLong of [false, true]) {
    if (!mayLook(state, isLong)) continue;
    const type = isLong ? 'looks after a long time' : 'looks';
    yield { type, name: `observer: ${type}`, state: looked(state, rules, isLong) };
  }
  for (const verdict of state.observer.found) {
    const found = state.observer.found.filter((one) => one !== verdict);
    const after = { ...state, observer: { ...state.observer, found } };
    const type = 'judges';
    const name = `observer: declares ${verdict.no} dead`;
    yield { type, name, state: declaredDead(after, verdict, rules) };
  }
  yield* rescueSteps(state, rules);
}

/**
 * The bounds of the protocol, which is all that is said about time. Between two looks whoever is well gives a sign of life.
 * After a long time (the silence after which a process counts as frozen, and the grace) everybody who lives is well.
 */
function mayLook({ workers }: State, isLong: boolean): boolean {
  return !isLong || workers.every((worker) => worker.life !== 'up' || isWell(worker));
}

/** One look at all locks and beats. */
function looked(state: State, rules: Rules, isLong: boolean): State {
  const beating = state.workers.filter(isWell).flatMap((worker) => numbersOf(worker, rules));
  const before = state.observer;
  const free = state.registered.filter(({ no }) => !isLocked(state, no)).map(({ no }) => no);
  const unproven = before.unproven.filter((no) => free.includes(no));
  const found = state.registered.flatMap(({ no, hasBeaten }) => {
    if (hasBeaten || beating.includes(no)) return [];
    const isFree = free.includes(no);
    const crashed = isFree && !unproven.includes(no);
    return isLong || (crashed && before.free.includes(no)) ? [{ no, crashed }] : [];
  });
  return {
    ...state,
    observer: { free, unproven, found },
    registered: state.registered.map(({ no }) => ({ no, hasBeaten: false })),
  };
}

/** Unless it has given a sign of life since it was read, or is said to have crashed and holds its lock. */
function declaredDead(
  state: State,
  { no, crashed }: Observer['found'][number],
  rules: Rules,
): State {
  const isAlive =
    state.registered.some((one) => one.no === no && one.hasBeaten) ||
    (crashed && isLocked(state, no));
  return isAlive || !isRegistered(state, no) ? state : buried(state, no, crashed, rules);
}

/** Rescue finds the rows in one moment and locks them in another, as a statement does. */
function* rescueSteps(state: State, rules: Rules): Steps {
  if (state.orphans.length > 0) {
    let after: State = { ...state, orphans: [] };
    for (const { job, lease } of state.orphans) {
      const crashed = state.tombstones.some((one) => one.no === noOf(lease) && one.crashed);
      after = withJob(after, job, (row) => rescued(row, lease, crashed, rules));
    }
    yield { type: 'takes', name: 'rescue: takes what it found', state: after };
    return;
  }
  const isOrphan = (lease: number) =>
    rules.rescueOfRows ? !isRegistered(state, noOf(lease)) : state.deaths.includes(noOf(lease));
  const orphans = state.jobs.flatMap(({ state: is, lease }, job) =>
    is === 'running' && isOrphan(lease) ? [{ job, lease }] : [],
  );
  if (orphans.length === 0 && state.deaths.length === 0) return;
  yield { type: 'finds', name: 'rescue: finds orphans', state: { ...state, orphans, deaths: [] } };
}
