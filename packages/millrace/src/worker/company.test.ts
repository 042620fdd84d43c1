import { describe, expect, it } from 'vitest';
import type { Clock } from '../core/clock.ts';
import { Company } from './company.ts';

/** A clock that stands still until it is told to go on. */
function heldClock() {
  let nowMs = 0;
  const timers = new Map<() => void, number>();
  const clock: Clock = {
    monotonicMs: () => nowMs,
    after(delayMs, callback) {
      timers.set(callback, nowMs + delayMs);
      return () => timers.delete(callback);
    },
  };
  const advance = async (ms: number) => {
    nowMs += ms;
    for (const [callback, dueMs] of timers) {
      if (dueMs > nowMs) continue;
      timers.delete(callback);
      callback();
    }
    await turn();
  };
  return { clock, advance };
}

/** Somebody is there; answers with the function by which it leaves. */
function enter(company: Company): () => void {
  company.enter();
  return () => company.leave();
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

/** A suspect as a claim brings it. */
function suspect(company: Company, longestMs: number, signal = never) {
  const work = Promise.withResolvers<void>();
  const seen = { began: false, ran: undefined as boolean | undefined, end: () => work.resolve() };
  const endClaim = enter(company);
  void company
    .alone(longestMs, signal, async () => {
      seen.began = true;
      await work.promise;
    })
    .then((ran) => (seen.ran = ran));
  endClaim();
  return seen;
}

describe('a job that asks to be alone', () => {
  it('A8: lets nobody in, and begins when everybody has left', async () => {
    const { clock } = heldClock();
    const company = new Company(clock);
    const leave = [enter(company), enter(company)];
    let opened = 0;
    const forget = company.watch({ onClose: () => {}, onOpen: () => (opened += 1) });

    const job = suspect(company, 1_000);
    expect(company.isOpen).toBe(false);
    leave[0]?.();
    await turn();
    expect(job.began).toBe(false);
    leave[1]?.();
    await turn();
    expect(job).toMatchObject({ began: true, ran: undefined });
    expect(company.isOpen).toBe(false);

    job.end();
    await turn();
    expect(job.ran).toBe(true);
    expect(company.isOpen).toBe(true);
    expect(opened).toBe(1);
    forget();
  });

  it('A8: waits also for what came with the same claim and goes back', async () => {
    const company = new Company(heldClock().clock);
    const endClaim = enter(company);
    let began = false;
    void company.alone(1_000, never, async () => void (began = true));
    const returned = enter(company);
    endClaim();
    await turn();
    expect(began).toBe(false);
    returned();
    await turn();
    expect(began).toBe(true);
  });

  it('A8: gives up after its patience, or when it is told to', async () => {
    const { clock, advance } = heldClock();
    const company = new Company(clock);
    enter(company);
    const patient = suspect(company, 1_000);
    await advance(999);
    expect(patient.ran).toBeUndefined();
    await advance(1);
    expect(patient).toMatchObject({ began: false, ran: false });
    expect(company.isOpen).toBe(true);

    const told = new AbortController();
    const second = suspect(company, 1_000, told.signal);
    told.abort();
    await turn();
    expect(second).toMatchObject({ began: false, ran: false });
  });
});

describe('the turns', () => {
  it('A8: after one who waited or ran, the others have the process for as long, however many ask to be alone', async () => {
    const { clock, advance } = heldClock();
    const company = new Company(clock);
    const leave = enter(company);
    suspect(company, 1_000);
    await advance(1_000);

    const endClaim = enter(company);
    await advance(999);
    expect(company).toMatchObject({ isOthersTurn: true, mayClose: false });
    await advance(1);
    expect(company).toMatchObject({ isOthersTurn: false, mayClose: true });
    endClaim();

    leave();
    const job = suspect(company, 1_000);
    await advance(5_000);
    job.end();
    await turn();
    expect(job.ran).toBe(true);
    await advance(4_999);
    expect(company.isOthersTurn).toBe(true);
    await advance(1);
    expect(company.isOthersTurn).toBe(false);
  });

  it('A8: in the turn of the others a job still runs alone when none of them is there', async () => {
    const { clock, advance } = heldClock();
    const company = new Company(clock);
    const first = suspect(company, 1_000);
    await advance(500);
    first.end();
    await turn();
    expect(company).toMatchObject({ isOthersTurn: true, mayClose: true });
  });
});
