import type { Rules } from './rows.ts';
import type { Call, Held, Lock, State, Worker } from './state.ts';

/** The list with one element replaced. */
export function withAt<T>(list: readonly T[], index: number, change: (old: T) => T): readonly T[] {
  return list.map((old, at) => (at === index ? change(old) : old));
}

export function withWorker(state: State, index: number, change: Partial<Worker>): State {
  return { ...state, workers: withAt(state.workers, index, (old) => ({ ...old, ...change })) };
}

export function withJob(state: State, index: number, change: (old: Held) => Held): State {
  return { ...state, jobs: withAt(state.jobs, index, change) };
}

/** A call after a change; one that is done and that nobody waits for is over. */
export function withCall(state: State, index: number, change: Partial<Call>): State {
  const calls = withAt(state.calls, index, (old) => ({ ...old, ...change }) as Call);
  return { ...state, calls: calls.filter((call) => call.isAwaited || call.stage !== 'done') };
}

export function withoutCall(state: State, index: number): State {
  return { ...state, calls: state.calls.filter((_, at) => at !== index) };
}

export const isRegistered = (state: State, no: number): boolean =>
  state.registered.some((one) => one.no === no);

export const isLocked = (state: State, no: number): boolean =>
  state.locks.some((lock) => lock.no === no);

export const isDead = (state: State, no: number): boolean =>
  state.tombstones.some((one) => one.no === no);

/** A process has lost its session, or left it: nobody waits for what was asked on it, and the server will notice. */
export function sessionLeft(state: State, process: number): State {
  const own = (one: Call | Lock) => one.process === process;
  return {
    ...state,
    calls: state.calls
      .map((call) => (own(call) ? { ...call, isAwaited: false } : call))
      .filter((call) => call.isAwaited || call.stage !== 'done'),
    locks: state.locks.map((lock) => (own(lock) ? { ...lock, isLeft: true } : lock)),
  };
}

/** An incarnation takes nothing any more; unless somebody saw its session end, nobody says that it crashed. */
export function buried(state: State, no: number, crashed: boolean, rules: Rules): State {
  return {
    ...state,
    registered: state.registered.filter((one) => one.no !== no),
    tombstones: isDead(state, no) ? state.tombstones : [...state.tombstones, { no, crashed }],
    deaths: rules.rescueOfRows ? [] : [...state.deaths, no],
  };
}
