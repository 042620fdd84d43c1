import { buried, isDead, withCall, withJob, withoutCall } from './changes.ts';
import { claimed, settled, transferred, type Rules } from './rows.ts';
import type { Call, Held, State } from './state.ts';
import type { Step, Steps } from './steps.ts';

/** What the server does with statements that have been sent, whether or not anybody still waits for them. */
export function* databaseSteps(state: State, rules: Rules): Steps {
  for (const [index, call] of state.calls.entries()) {
    const named = (type: string, rest: Omit<Step, 'type' | 'name'>): Step => ({
      type,
      name: `server: ${call.type} of worker ${call.process} ${type}`,
      ...rest,
    });
    if (call.stage !== 'done') {
      yield* executed(state, index, call, rules, named);
      if (!call.isAwaited) yield named('is rolled back', { state: withoutCall(state, index) });
    }
  }
  // Claims run on the session that holds the lock: it is not free before they have ended.
  for (const lock of state.locks) {
    if (!lock.isLeft || state.calls.some((call) => call.type === 'claim' && call.no === lock.no))
      continue;
    const locks = state.locks.filter((one) => one !== lock);
    const type = 'a session ends';
    yield { type, name: `server: the session of ${lock.no} ends`, state: { ...state, locks } };
  }
}

function* executed(
  state: State,
  index: number,
  call: Call,
  rules: Rules,
  named: (type: string, rest: Omit<Step, 'type' | 'name'>) => Step,
): Steps {
  const { process } = call;
  switch (call.type) {
    case 'claim':
      // What it sees of tombstones is of some moment since it was sent.
      for (const dead of new Set([call.dead, isDead(state, call.no)])) {
        const isRefused = rules.tombstones && dead;
        const job = isRefused ? -1 : state.jobs.findIndex((one) => one.state === 'waiting');
        const take = (row: Held) => ({ ...claimed(row, call.lease), holder: process });
        const done = { stage: 'done', job, dead: isRefused } as const;
        const type = isRefused ? 'is refused' : 'commits';
        yield named(type, { state: withCall(withJob(state, job, take), index, done) });
      }
      return;
    case 'settle': {
      const { job, lease, outcome } = call;
      const after = withJob(state, job, (row) => settled(row, lease, outcome, rules));
      const isWritten = after.jobs[job] !== state.jobs[job];
      const next = withCall(after, index, { stage: 'done', isWritten });
      yield named('commits', { state: next, ...(isWritten && { wrote: { process, job } }) });
      return;
    }
    case 'transfer': {
      if (call.stage === 'sent') {
        let after = state;
        for (const { job, lease } of call.held)
          after = withJob(after, job, (row) => transferred(row, lease, call.to));
        const moved = call.held
          .filter(({ job }) => after.jobs[job] !== state.jobs[job])
          .map(({ job }) => job);
        yield named('moves', { state: withCall(after, index, { stage: 'moved', moved }) });
        return;
      }
      const retired = buried(state, call.from, false, rules);
      const locks = retired.locks.filter(({ no, isLeft }) => no !== call.from || isLeft);
      yield named('retires', {
        state: withCall({ ...retired, locks }, index, { stage: 'done' }),
      });
    }
  }
}
