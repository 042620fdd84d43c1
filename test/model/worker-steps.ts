import {
  isDead,
  isLocked,
  isRegistered,
  sessionLeft,
  withAt,
  withoutCall,
  withWorker,
} from './changes.ts';
import { leaseOf, noOf, type Rules } from './rows.ts';
import { newWorker, type Call, type Hand, type State, type Worker } from './state.ts';
import type { Step, Steps } from './steps.ts';

/** Jobs that a worker has in hand at once. */
const slots = 2;

/** What processes do of their own accord. */
export function* workerSteps(state: State, rules: Rules): Steps {
  for (const [index, worker] of state.workers.entries()) {
    const step = (type: string, next: State): Step => ({
      type,
      name: `worker ${worker.process}: ${type}`,
      state: next,
    });
    if (worker.life === 'dead') {
      yield step('another process takes its place', withWorker(state, index, { life: 'up' }));
    } else if (worker.life === 'frozen') {
      yield step('thaws', withWorker(state, index, { life: 'up', isLate: true }));
    } else if (worker.isConnected) {
      yield* connectedSteps(state, index, worker, rules, step);
    } else {
      const connected = withWorker(state, index, { isConnected: true });
      yield step('reaches the server again', beaten(connected, index, rules));
    }
  }
}

type Named = (type: string, next: State) => Step;

function* connectedSteps(
  state: State,
  index: number,
  worker: Worker,
  rules: Rules,
  step: Named,
): Steps {
  const awaited = state.calls.filter((call) => call.isAwaited && call.process === worker.process);
  const awaits = (type: Call['type']) => awaited.some((call) => call.type === type);
  const ask = (call: Partial<Call>, change: Partial<Worker>): State => ({
    ...withWorker(state, index, change),
    calls: [
      ...state.calls,
      { worker: index, process: worker.process, isAwaited: true, stage: 'sent', ...call } as Call,
    ],
  });
  const { no, hands, tried, next, isInDoubt } = worker;

  const isUnaware = no !== 0 && !isInDoubt && !isRegistered(state, no);
  if (worker.isLate || isUnaware) yield step('beats', beaten(state, index, rules));

  if (no === 0 || (isInDoubt && next === 0 && rules.transfer))
    yield step('registers', registered(state, index, rules));
  else if (isInDoubt && !rules.transfer) {
    const again = takenUpAgain(state, index);
    if (again !== undefined) yield step('takes its incarnation up again', again);
  }

  if (next !== 0 && !awaits('transfer')) {
    const to = leaseOf(next, 1);
    const later = rules.laterOfTwo ? hands.filter((hand) => isLaterOfTwo(hand, hands)) : hands;
    const held = later.flatMap((hand) =>
      [hand.lease, ...tried].map((lease) => ({ ...hand, lease })),
    );
    const call = { type: 'transfer', from: no, to, held, moved: [] } as const;
    yield step('transfers', ask(call, { tried: [...tried, to] }));
  }

  const isWorth = hands.length < slots && state.jobs.some((job) => job.state === 'waiting');
  if (no !== 0 && !isInDoubt && isWorth && !awaits('claim')) {
    const lease = leaseOf(no, worker.claims + 1);
    const call = { type: 'claim', no, lease, dead: isDead(state, no), job: -1 } as const;
    yield step('claims', ask(call, { claims: worker.claims + 1 }));
  }

  for (const [at, { job, claim, lease, outcome }] of hands.entries()) {
    if (awaited.some((call) => call.type === 'settle' && call.claim === claim)) continue;
    const ended = outcome ?? 'complete';
    const after = withAt(hands, at, (old) => ({ ...old, outcome: ended }));
    const call = { type: 'settle', job, claim, lease, outcome: ended } as const;
    yield step(`settles job ${job}: ${ended}`, ask(call, { hands: after }));
  }

  for (const [at, call] of state.calls.entries()) {
    if (!call.isAwaited || call.stage !== 'done' || call.process !== worker.process) continue;
    const after = answered(withoutCall(state, at), index, call, rules);
    if (after !== undefined) yield step(`learns the end of its ${call.type}`, after);
  }
}

/** A job may be in hand twice, when it was lost and then claimed again; only the later claim can be the row's. */
function isLaterOfTwo(hand: Hand, hands: readonly Hand[]): boolean {
  return hand === hands.findLast(({ job }) => job === hand.job);
}

/** Alive and in touch: its signs of life come in time. */
export function isWell({ life, isConnected, isLate }: Worker): boolean {
  return life === 'up' && isConnected && !isLate;
}

/** Its own number, and in doubt those under which its jobs may be. */
export function numbersOf({ no, next, tried }: Worker, rules: Rules): readonly number[] {
  return rules.stampsTried ? [no, next, ...tried.map(noOf)] : [no];
}

/** A sign of life, by whatever way. Who is not registered any more learns it by that. */
function beaten(state: State, index: number, rules: Rules): State {
  const worker = state.workers[index] ?? newWorker(0);
  const numbers = numbersOf(worker, rules);
  const isUnaware = worker.no !== 0 && !isRegistered(state, worker.no);
  return {
    ...withWorker(state, index, { isLate: false, isInDoubt: worker.isInDoubt || isUnaware }),
    registered: state.registered.map((one) =>
      numbers.includes(one.no) ? { ...one, hasBeaten: true } : one,
    ),
  };
}

function registered(state: State, index: number, rules: Rules): State {
  const { no: old = 0, process = 0 } = state.workers[index] ?? {};
  const no = drawn(state, rules);
  return {
    ...withWorker(state, index, old === 0 ? { no, claims: 0 } : { next: no }),
    drawn: Math.max(state.drawn, no),
    registered: [...state.registered, { no, hasBeaten: false }],
    locks: [...state.locks, { no, process, isLeft: false }],
  };
}

function drawn(state: State, rules: Rules): number {
  if (rules.freshNumbers) return state.drawn + 1;
  let no = 1;
  while (isRegistered(state, no) || isLocked(state, no)) no += 1;
  return no;
}

/** The unmended way out of a doubt: the old lock once more, and when that is too late a new number and empty hands. */
function takenUpAgain(state: State, index: number): State | undefined {
  const { no = 0, process = 0 } = state.workers[index] ?? {};
  if (!isRegistered(state, no))
    return withWorker(state, index, { no: 0, hands: [], isInDoubt: false });
  if (state.locks.some((lock) => lock.no === no && lock.isLeft)) return undefined;
  const locks = state.locks.filter((lock) => lock.no !== no);
  return {
    ...withWorker(state, index, { isInDoubt: false }),
    locks: [...locks, { no, process, isLeft: false }],
  };
}

/** What a worker makes of an answer. */
function answered(state: State, index: number, call: Call, rules: Rules): State | undefined {
  const worker = state.workers[index];
  if (worker === undefined) return undefined;
  const { hands } = worker;
  switch (call.type) {
    case 'claim': {
      const isInDoubt = worker.isInDoubt || call.dead;
      if (call.job < 0) return withWorker(state, index, { isInDoubt });
      // Claimed under an incarnation in doubt, it may be somebody else's any moment: its handler never begins.
      const outcome = isInDoubt || worker.no !== call.no ? 'giveBack' : null;
      const { job, lease } = call;
      const hand = { job, claim: lease, lease, outcome } as const;
      return withWorker(state, index, { isInDoubt, hands: [...hands, hand] });
    }
    case 'settle': {
      const hand = hands.find(({ claim }) => claim === call.claim);
      const { isWritten } = call;
      // While jobs are being moved, what it means is known only later.
      if (!isWritten && worker.isInDoubt) return undefined;
      // Lost under the lease that was named, it may have moved to another one since.
      if (!isWritten && hand?.lease !== call.lease) return state;
      return withWorker(state, index, { hands: hands.filter((one) => one !== hand) });
    }
    case 'transfer':
      return withWorker(state, index, {
        no: noOf(call.to),
        claims: 1,
        isInDoubt: false,
        next: 0,
        tried: [],
        hands: hands.flatMap((hand) => afterTransfer(hand, call, rules)),
      });
  }
}

/** A job that did not move is somebody else's by now, unless its own settlement has gone before. */
function afterTransfer(hand: Hand, call: Call & { type: 'transfer' }, rules: Rules): Hand[] {
  const { held, moved, to } = call;
  const wasNamed = held.some(({ claim }) => claim === hand.claim) || !rules.laterOfTwo;
  if (wasNamed && moved.includes(hand.job)) return [{ ...hand, lease: to }];
  const isElsewhere = held.some(({ job }) => job === hand.job);
  return isElsewhere && hand.outcome === null ? [] : [hand];
}

/** The process ends, without a word to anybody; another may take its place later. */
export function dead(state: State, index: number): State {
  const { process = 0 } = state.workers[index] ?? {};
  const successor = { ...newWorker(process + state.workers.length), life: 'dead' } as const;
  return {
    ...sessionLeft(state, process),
    workers: withAt(state.workers, index, () => successor),
  };
}
