import { expect } from 'vitest';
import { settle as settlementOf } from '../../packages/millrace/src/core/lifecycle.ts';
import type { SettleRequest, Storage } from '../../packages/millrace/src/core/storage.ts';
import { completed, identity, newJob } from '../helpers/storage.ts';
import {
  cancelled,
  claimed,
  isFinished,
  isHeldUnder,
  leaseOf,
  noOf,
  rescued,
  retried,
  settled,
  transferred,
  type Outcome,
} from './rows.ts';
import {
  stateName,
  type Lease,
  type ModelJob,
  type ModelWorker,
  type StorageModel,
} from './storage-model.ts';

/** A storage under test. */
export interface Subject {
  /** One for each worker, and one for the others; each has a session of its own. */
  readonly workers: readonly Storage[];
  readonly others: Storage;
  /** Holds the row of a job in a transaction of its own; answers with how to end it. */
  hold(id: string): Promise<() => Promise<void>>;
}

/** One run: its jobs stand in a queue of their own. */
export interface Real extends Subject {
  readonly queue: string;
  release: (() => Promise<void>) | undefined;
  /** A number that no incarnation has had. */
  freshNo(): number;
}

/** Numbers that were drawn for one command; what they mean is up to it. */
export type Picks = readonly [number, number, number];

/** A verb of the storage. It does nothing where the model allows it not. */
export type Verb = (model: StorageModel, real: Real, picks: Picks) => Promise<void>;

const at = <T>(list: readonly T[], pick: number): T | undefined => list[pick % list.length];

function workerAt(model: StorageModel, real: Real, pick: number) {
  const index = pick % model.workers.length;
  const [worker, storage] = [model.workers[index], real.workers[index]];
  if (worker === undefined || storage === undefined) throw new Error('there are no workers');
  return { worker, session: storage.session() };
}

const jobAt = (model: StorageModel, pick: number) => at([...model.jobs.values()], pick);

const outcomes: readonly Outcome[] = ['complete', 'fail', 'snooze', 'discard', 'giveBack'];
const error = { name: 'Error', message: 'test' };
const hourMs = 3_600_000;

const enqueue: Verb = async (model, { others, queue }, [count, priority, rest]) => {
  const isDue = rest % 4 > 0;
  const options = { queue, priority: priority % 3, maxAttempts: 1 + (rest % 3) };
  const job = newJob({ ...options, ...(!isDue && { delayMs: hourMs }) });
  const place = model.now();
  for (const { id } of await others.enqueue(Array.from({ length: 1 + (count % 3) }, () => job))) {
    const row = { attempt: 0, crashes: 0, lease: 0, cancelRequested: false, endings: [] };
    model.jobs.set(id, { id, state: 'waiting', isDue, place, ...options, ...row });
  }
};

const register: Verb = async (model, real, [pick, which]) => {
  const { worker, session } = workerAt(model, real, pick);
  const taken = [...model.registered, ...model.dead.keys()].filter((no) => no !== worker.no);
  const used = which % 3 === 0 ? at(taken, which) : undefined;
  if (used !== undefined) {
    expect(await session.register(identity(used))).toBe(false);
  } else if (worker.no === 0) {
    const no = at([...model.free], which) ?? real.freshNo();
    expect(await session.register(identity(no))).toBe(true);
    model.free.delete(no);
    model.registered.add(no);
    Object.assign(worker, { no, hasLock: true, hands: [] } satisfies ModelWorker);
  }
};

/** Some of what is in hand, and what is late, completes by the same statement. */
const claim: Verb = async (model, real, [pick, limit, riding]) => {
  const { worker, session } = workerAt(model, real, pick);
  if (!worker.hasLock) return;
  const late = riding % 3 === 0 ? at(model.leases, riding) : undefined;
  const done = latestOfEach(
    [...worker.hands, ...(late === undefined ? [] : [late])].filter(
      (_, index) => ((riding >> index) & 1) === 1,
    ),
  );
  const lease = leaseOf(worker.no, model.now());
  const dead = model.dead.has(worker.no);
  const expected = dead ? [] : model.claimable(1 + (limit % 4)).map(({ id }) => id);
  const answer = await session.claim({
    worker: worker.no,
    lease: String(lease),
    kinds: ['test'],
    queues: [{ queue: real.queue, limit: 1 + (limit % 4) }],
    limit: 1 + (limit % 4),
    everywhere: 'yes',
    completed: done.map((hand) => ({ ...hand, lease: String(hand.lease), settlement: completed })),
  });
  const unwritten = done
    .filter((hand) => model.isLocked(hand.id) || !model.change(hand.id, completedUnder(hand.lease)))
    .map((hand) => ({ id: hand.id, status: model.whereabouts(hand) }));
  for (const id of expected) {
    model.change(id, (job) => claimed(job, lease));
    worker.hands.push({ id, lease });
    model.leases.push({ id, lease });
  }
  expect({
    dead: answer.dead,
    ids: answer.jobs.map(({ id }) => id),
    unwritten: answer.unwritten.toSorted(byId),
  }).toEqual({ dead, ids: expected, unwritten: unwritten.toSorted(byId) });
  worker.hands = worker.hands.filter((hand) => isHeldUnder(model.job(hand.id), hand.lease));
};

const completedUnder = (lease: number) => (job: ModelJob) => settled(job, lease, 'complete');

const settle: Verb = async (model, real, [pick, first, old]) => {
  const { worker, session } = workerAt(model, real, pick);
  // Whoever is late, or repeats what was written, names a lease of the past.
  const past = old % 2 === 0 ? at(model.leases, old >> 1) : undefined;
  const named = latestOfEach(past === undefined ? worker.hands : [...worker.hands, past]);
  const chosen = named.map((hand, index) => {
    const outcome = at(outcomes, first + index) ?? 'complete';
    return { hand, outcome, request: requestOf(model, hand, outcome) };
  });
  if (chosen.length === 0) return;
  const answers = await session.settle(chosen.map(({ request }) => request));
  const place = model.now();
  const expected = chosen.map(({ hand: { id, lease }, outcome }) => {
    const isWritten =
      !model.isLocked(id) &&
      model.change(id, (job) => {
        const after = settled(job, lease, outcome);
        if (after === job || outcome === 'giveBack') return after;
        return { ...after, place, isDue: outcome !== 'snooze' };
      });
    return isWritten
      ? { id, status: 'written', state: stateName(model.job(id)) }
      : { id, status: model.whereabouts({ id, lease }) };
  });
  expect(answers.toSorted(byId)).toEqual(expected.toSorted(byId));
  worker.hands = worker.hands.filter(({ id, lease }) => isHeldUnder(model.job(id), lease));
};

/** A call names a job once: of one that is in hand twice, the later lease. */
function latestOfEach(leases: readonly Lease[]): readonly Lease[] {
  return [...new Map(leases.map((lease) => [lease.id, lease])).values()];
}

const byId = (a: { readonly id: string }, b: { readonly id: string }) =>
  Number(a.id) - Number(b.id);

function requestOf(model: StorageModel, { id, lease }: Lease, outcome: Outcome): SettleRequest {
  const job = model.job(id);
  const settlement = {
    complete: () => settlementOf({ type: 'complete', result: 1 }, job, 'all'),
    fail: () => settlementOf({ type: 'retry', error, delay: { ms: 0, from: 'now' } }, job, 'all'),
    snooze: () => settlementOf({ type: 'snooze', delayMs: hourMs }, job, 'all'),
    discard: () => settlementOf({ type: 'discard', reason: 'test' }, job, 'all'),
    giveBack: () => settlementOf({ type: 'giveBack' }, job, 'all'),
  }[outcome]();
  return { id, lease: String(lease), settlement };
}

const transfer: Verb = async (model, real, [pick, kept, old]) => {
  const { worker, session } = workerAt(model, real, pick);
  // It would wait for a row that somebody holds.
  if (!worker.hasLock || worker.hands.some(({ id }) => model.isLocked(id))) return;
  const next = real.freshNo();
  expect(await session.register(identity(next))).toBe(true);
  const lease = leaseOf(next, model.now());
  const hands = latestOfEach(worker.hands.filter((_, index) => ((kept >> index) & 1) === 0));
  const past = model.leases.filter(
    ({ id }) => !model.isLocked(id) && !hands.some((hand) => hand.id === id),
  );
  const late = at(past, old);
  const named = late === undefined ? hands : [...hands, late];
  const moved = new Set(
    named
      .filter((hand) => model.change(hand.id, (job) => transferred(job, hand.lease, lease)))
      .map(({ id }) => id),
  );
  const answer = await session.transfer({
    held: named.map((hand) => ({ id: hand.id, lease: String(hand.lease) })),
    lease: String(lease),
    from: worker.no,
    reason: 'unknown_claim',
  });
  expect(answer.toSorted()).toEqual([...moved].toSorted());
  model.registered.delete(worker.no);
  model.registered.add(next);
  if (!model.dead.has(worker.no)) model.dead.set(worker.no, false);
  worker.hands = [...moved].map((id) => ({ id, lease }));
  model.leases.push(...worker.hands);
  worker.no = next;
};

const unregister: Verb = async (model, real, [pick]) => {
  const { worker, session } = workerAt(model, real, pick);
  if (worker.no === 0) return;
  await session.unregister(worker.no);
  if (model.registered.delete(worker.no)) model.free.add(worker.no);
  Object.assign(worker, { no: 0, hasLock: false, hands: [] } satisfies ModelWorker);
};

/** The process ends; its row stays until somebody judges it. */
const loseSession: Verb = async (model, real, [pick]) => {
  const { worker, session } = workerAt(model, real, pick);
  if (!worker.hasLock) return;
  await session.close();
  worker.hasLock = false;
  await expect
    .poll(() => sightings(real), { interval: 1 })
    .not.toContainEqual(expect.objectContaining({ no: worker.no, locked: true }));
};

const beat: Verb = async (model, real, [pick]) => {
  const { worker, session } = workerAt(model, real, pick);
  if (worker.no === 0) return;
  expect(await session.beat(worker.no, null)).toBe(model.registered.has(worker.no));
};

async function sightings({ others }: Real) {
  return (await others.session().look()).sightings;
}

const declareDead: Verb = async (model, real, [pick, how, when]) => {
  const { worker } = workerAt(model, real, pick);
  const { no, hasLock } = worker;
  const seen = (await sightings(real)).find((one) => one.no === no);
  expect(seen !== undefined).toBe(model.registered.has(no));
  if (seen === undefined) return;
  expect(seen.locked).toBe(hasLock);
  const crashed = how % 3 === 0 || !hasLock;
  const isLate = when % 4 === 0;
  if (isLate) await real.others.session().beat(no, null);
  const isDead = !isLate && !(crashed && hasLock);
  const found = { no, beat: seen.beat, crashed };
  expect(await real.others.session().declareDead([found])).toEqual(isDead ? [no] : []);
  if (!isDead) return;
  model.registered.delete(no);
  model.dead.set(no, crashed);
};

const rescue: Verb = async (model, real) => {
  const orphans = [...model.jobs.values()].filter(
    ({ state, lease }) => state === 'running' && !model.registered.has(noOf(lease)),
  );
  const { rescued: answer, busy } = await real.others.session().rescue();
  const taken = orphans.filter(({ id }) => !model.isLocked(id));
  for (const { id, lease } of taken)
    model.change(id, (job) => rescued(job, lease, model.dead.get(noOf(lease)) ?? false));
  const expected = taken.map(({ id }) => ({ id, state: stateName(model.job(id)) }));
  expect(answer.map(({ id, state }) => ({ id, state })).toSorted(byId)).toEqual(
    expected.toSorted(byId),
  );
  expect(busy).toBe(orphans.length - taken.length);
};

const cancel: Verb = async (model, { others }, [pick]) => {
  const job = jobAt(model, pick);
  // It would wait for a row that somebody holds.
  if (job === undefined || (model.isLocked(job.id) && job.state === 'waiting')) return;
  const { status } = await others.cancel(job.id, 'test');
  const expected = job.state === 'waiting' ? 'cancelled' : 'requested';
  expect(status).toBe(isFinished(job) ? 'finished' : expected);
  model.change(job.id, cancelled);
};

const retry: Verb = async (model, { others }, [pick]) => {
  const job = jobAt(model, pick);
  if (job === undefined || (model.isLocked(job.id) && job.state === 'waiting')) return;
  const { status } = await others.retry(job.id);
  expect(status).toBe(job.state === 'running' ? 'running' : 'available');
  if (job.state === 'running') return;
  const place = isFinished(job) || !job.isDue ? model.now() : job.place;
  model.change(job.id, (old) => ({ ...retried(old), place, isDue: true }));
};

const hold: Verb = async (model, real, [pick]) => {
  const job = jobAt(model, pick);
  if (job === undefined || isFinished(job) || model.locked !== undefined) return;
  real.release = await real.hold(job.id);
  model.locked = job.id;
};

const release: Verb = async (model, real) => {
  await real.release?.();
  real.release = undefined;
  model.locked = undefined;
};

export const verbs = {
  enqueue,
  register,
  claim,
  settle,
  transfer,
  unregister,
  loseSession,
  beat,
  declareDead,
  rescue,
  cancel,
  retry,
  hold,
  release,
} satisfies Record<string, Verb>;
