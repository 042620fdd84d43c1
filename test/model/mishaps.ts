import { sessionLeft, withAt, withCall, withJob, withWorker } from './changes.ts';
import { cancelled, isFinished, type Rules } from './rows.ts';
import type { State, Worker } from './state.ts';
import type { Step, Steps } from './steps.ts';
import { dead } from './worker-steps.ts';

/** What may go wrong at any moment, and what people do at any moment. */
export function* mishaps(state: State, rules: Rules): Steps {
  for (const [index, worker] of state.workers.entries()) {
    if (worker.life !== 'dead') yield* workerMishaps(state, index, worker);
  }
  for (const [index, call] of state.calls.entries()) {
    if (!call.isAwaited) continue;
    const lost = withCall(state, index, { isAwaited: false });
    const change =
      call.type === 'claim' ? { isInDoubt: true } : call.type === 'transfer' ? { next: 0 } : {};
    const type = 'an answer is lost';
    const name = `network: the answer to the ${call.type} of worker ${call.process} is lost`;
    yield { type, name, state: withWorker(lost, call.worker, change) };
  }
  for (const [index, job] of state.jobs.entries()) {
    if (isFinished(job) || job.cancelRequested) continue;
    const name = `somebody: cancels job ${index}`;
    yield { type: 'cancels', name, state: withJob(state, index, cancelled) };
  }
  yield { type: 'restarts', name: 'server: restarts', state: restarted(state, rules) };
}

function* workerMishaps(state: State, index: number, worker: Worker): Steps {
  const step = (type: string, next: State): Step => ({
    type,
    name: `worker ${worker.process}: ${type}`,
    state: next,
  });
  const { process, no, hands, isInDoubt } = worker;
  yield step('dies', dead(state, index));
  if (worker.life === 'frozen') return;
  yield step('freezes', withWorker(state, index, { life: 'frozen', isLate: false }));
  if (no === 0) return;
  const cut = withWorker(sessionLeft(state, process), index, { isInDoubt: true, next: 0 });
  yield step('loses its session', cut);
  for (const [at, hand] of hands.entries()) {
    if (hand.outcome !== null) continue;
    for (const outcome of ['fail', 'giveBack'] as const) {
      const ended = withAt(hands, at, (old) => ({ ...old, outcome }));
      yield step(`job ${hand.job}: ${outcome}`, withWorker(state, index, { hands: ended }));
    }
  }
  const isIdle = hands.length === 0 && !state.calls.some((call) => call.process === process);
  if (isIdle && !isInDoubt) yield step('stops', dead(unregistered(state, no), index));
}

/** A clean end: nothing of it is under way, so nobody needs to remember it. */
function unregistered(state: State, no: number): State {
  return {
    ...state,
    registered: state.registered.filter((one) => one.no !== no),
    locks: state.locks.filter((lock) => lock.no !== no),
  };
}

/** Every session ends at once, and with it whatever was under way; processes come back when they can. */
function restarted(state: State, rules: Rules): State {
  return {
    ...state,
    calls: [],
    locks: [],
    orphans: [],
    observer: {
      free: rules.graceOfObserver ? [] : state.observer.free,
      unproven: rules.graceOfObserver ? state.registered.map(({ no }) => no) : [],
      found: [],
    },
    workers: state.workers.map((worker) =>
      worker.life === 'dead'
        ? worker
        : { ...worker, isConnected: false, isInDoubt: worker.no !== 0, next: 0 },
    ),
  };
}
