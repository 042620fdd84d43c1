import { describe, expect, it, vi } from 'vitest';
import { emitted, heldJob, instantClock } from '../../../../test/helpers/worker-parts.ts';
import type { Identity, WorkSession } from '../core/storage.ts';
import type { HeldJob } from './held-job.ts';
import { WorkerSession } from './session.ts';

type Port = Pick<WorkSession, 'register' | 'beat' | 'stamp' | 'transfer' | 'unregister'>;
type Transfer = Parameters<Port['transfer']>[0];

const noOf = (lease: string) => Number(BigInt(lease) >> 32n);
const away = () => Promise.reject(new Error('Connection terminated'));
const all = (request: Transfer) => request.held.map(({ id }) => id);

/** A session on a port that answers as it is told, and remembers what it was asked. */
function sessionOn(port: Partial<Port>, held: readonly HeldJob[] = []) {
  const registered: Identity[] = [];
  const transfers: Transfer[] = [];
  const stamped: number[] = [];
  const unregistered: number[] = [];
  let beats = 0;
  const { clock } = instantClock();
  const { emit, named } = emitted();
  const session = new WorkerSession({
    port: {
      async register(identity) {
        registered.push(identity);
        return port.register?.(identity) ?? true;
      },
      // One beat, then silence, where a test is not about beating.
      beat: port.beat ?? (() => (beats++ === 0 ? Promise.resolve(true) : new Promise(() => {}))),
      // A sign of life that stays under way unless asked for: a test's clock does not wait between two.
      stamp(no) {
        stamped.push(no);
        return port.stamp?.(no) ?? new Promise(() => {});
      },
      onLost: () => () => {},
      transfer(request) {
        transfers.push(request);
        return port.transfer?.(request) ?? Promise.resolve(all(request));
      },
      async unregister(no) {
        unregistered.push(no);
      },
    },
    clock,
    emit,
    random: () => 1,
    facts: { boot: 'boot', host: 'host', pid: 1, version: '1', kinds: [], queues: [] },
    heartbeatMs: 1,
    held: () => held,
    running: () => 0,
  });
  return { session, registered, transfers, stamped, unregistered, named };
}

describe('the identity of a worker', () => {
  it('G24: is 31 random bits, drawn again when the number is taken', async () => {
    let taken = 2;
    const { session, registered } = sessionOn({ register: async () => taken-- <= 0 });
    await session.open();
    expect(registered).toHaveLength(3);
    expect(new Set(registered.map(({ no }) => no)).size).toBe(3);
    expect(session.no).toBe(registered[2]?.no);
    for (const { no } of registered) expect(no > 0 && no < 2 ** 31).toBe(true);
  });

  it('A6: a lease is the number of the claim under the identity, a text that exceeds 53 bits', async () => {
    const { session } = sessionOn({ register: async ({ no }) => no > 2 ** 30 });
    await session.open();
    const first = await session.nextLease();
    const second = await session.nextLease();
    expect(noOf(first.lease)).toBe(session.no);
    expect(BigInt(second.lease) - BigInt(first.lease)).toBe(1n);
    expect(BigInt(first.lease) > 2n ** 53n).toBe(true);
  });
});

describe('a renewal', () => {
  it('A1: moves what is in hand to a new identity, and tells the handlers of what did not move', async () => {
    const [kept, gone, settling] = ['1', '2', '3'].map((id) => heldJob({ id, lease: `old ${id}` }));
    if (kept === undefined || gone === undefined || settling === undefined) throw new Error();
    settling.settling = true;
    const held = [kept, gone, settling];
    const { session, transfers, named } = sessionOn({ transfer: async () => ['1'] }, held);
    await session.open();
    const from = session.no;
    session.doubt('unknown_claim');
    expect(session.isCertain(from)).toBe(false);
    await session.certain;

    expect(transfers).toMatchObject([{ from, reason: 'unknown_claim' }]);
    expect(transfers[0]?.held).toEqual(
      held.map(({ job }) => ({ id: job.id, lease: `old ${job.id}` })),
    );
    expect(session.no).not.toBe(from);
    expect(session.isCertain(session.no)).toBe(true);
    expect(noOf(kept.lease)).toBe(session.no);
    expect(gone.reason).toMatchObject({ code: 'MILLRACE_LEASE_LOST' });
    // Its outcome is on its way; the answer to that says what became of it.
    expect(settling).toMatchObject({ isLost: false, lease: 'old 3' });
    expect(named('worker:renewed')).toEqual([
      { from, worker: session.no, reason: 'unknown_claim', kept: 1, lost: 1 },
    ]);
  });

  it('A1: after a move of unknown end it asks for the jobs under the old and under the new lease', async () => {
    const job = heldJob({ lease: 'old' });
    let tries = 0;
    const { session, transfers, registered, named } = sessionOn(
      { transfer: (request) => (++tries < 3 ? away() : Promise.resolve(all(request))) },
      [job],
    );
    await session.open();
    const from = session.no;
    session.doubt('declared_dead');
    await session.certain;

    const leases = transfers.map(({ held }) => held.map(({ lease }) => lease));
    expect(leases).toEqual([
      ['old'],
      ['old', transfers[0]?.lease],
      ['old', transfers[0]?.lease, transfers[1]?.lease],
    ]);
    expect(transfers.every((transfer) => transfer.from === from)).toBe(true);
    expect(new Set(registered.map(({ no }) => no)).size).toBe(4);
    expect(job.lease).toBe(transfers[2]?.lease);
    expect(named('worker:renewed')).toHaveLength(1);
    expect(named('worker:heartbeat-failed')).toHaveLength(2);
  });

  it('A1: G2: gives signs of life also under an identity that the jobs may have been moved to', async () => {
    const end = Promise.withResolvers<string[]>();
    let tries = 0;
    const { session, registered, stamped } = sessionOn(
      {
        // The first move has an unknown end; the second one takes until the signs were given.
        transfer: () => (++tries === 1 ? away() : end.promise),
        stamp: () => new Promise((resolve) => setImmediate(resolve)),
      },
      [heldJob({})],
    );
    await session.open();
    session.doubt('unknown_claim');
    const [old, first, second] = await vi.waitFor(() => {
      expect(registered).toHaveLength(3);
      return registered.map(({ no }) => no);
    });
    stamped.length = 0;
    await vi.waitFor(() => expect(stamped.length).toBeGreaterThanOrEqual(6));
    expect(new Set(stamped)).toEqual(new Set([old, first, second]));
    end.resolve(['1']);
    await session.certain;
  });

  it('A1: G2: of a job that is in hand twice it moves the later claim, and tells the handler of the other', async () => {
    const [lost, again] = ['old', 'later'].map((lease) => heldJob({ id: '1', lease }));
    if (lost === undefined || again === undefined) throw new Error();
    const { session, transfers, named } = sessionOn({}, [lost, again]);
    await session.open();
    session.doubt('declared_dead');
    await session.certain;
    expect(transfers[0]?.held).toEqual([{ id: '1', lease: 'later' }]);
    expect(again).toMatchObject({ isLost: false, lease: transfers[0]?.lease });
    expect(lost).toMatchObject({ isLost: true, lease: 'old' });
    expect(named('worker:renewed')).toMatchObject([{ kept: 1, lost: 1 }]);
  });

  it('a claim waits for it, and fails as it fails', async () => {
    let reachable = true;
    const { session, registered } = sessionOn({
      register: () => (reachable ? Promise.resolve(true) : away()),
    });
    await session.open();
    const from = session.no;
    reachable = false;
    session.doubt('unknown_claim');
    session.doubt('declared_dead');
    await expect(session.nextLease()).rejects.toThrow('Connection terminated');
    reachable = true;
    await session.certain;
    const { worker, lease } = await session.nextLease();
    expect(worker).toBe(registered.at(-1)?.no);
    expect(worker).not.toBe(from);
    expect(noOf(lease)).toBe(worker);
  });

  it('goes on beating under the old identity until the move is certain', async () => {
    const beats: number[] = [];
    const moved = Promise.withResolvers<string[]>();
    const { session } = sessionOn({
      async beat(no) {
        beats.push(no);
        if (beats.length === 3) moved.resolve([]);
        return true;
      },
      transfer: () => moved.promise,
    });
    session.doubt('unknown_claim');
    await session.open();
    const from = session.no;
    await session.certain;
    expect(beats.slice(0, 3)).toEqual([from, from, from]);
    await session.close();
  });

  it('an answer about the old identity that comes late says nothing about the new one', async () => {
    const late = Promise.withResolvers<boolean>();
    let beats = 0;
    const { session, named } = sessionOn({
      beat: () => {
        beats += 1;
        if (beats === 1) return Promise.resolve(true);
        return beats === 2 ? late.promise : new Promise(() => {});
      },
    });
    await session.open();
    while (beats < 2) await new Promise((resolve) => setImmediate(resolve));
    session.doubt('unknown_claim');
    await session.certain;
    late.resolve(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(named('worker:renewed')).toHaveLength(1);
  });
});

describe('that a job runs alone', () => {
  it('A8: stands in every sign of life, also under a new identity, until it is said that it does no more', async () => {
    const beats: { no: number; alone: string | null }[] = [];
    const { session } = sessionOn({
      beat: async (no, alone) => beats.push({ no, alone }) > 0,
    });
    await session.open();
    const from = session.no;
    expect(await session.publishAlone('5')).toBe(true);
    expect(beats.at(-1)).toEqual({ no: from, alone: '5' });
    const beaten = beats.length;
    while (beats.length === beaten) await new Promise((resolve) => setImmediate(resolve));
    expect(beats.at(-1)).toEqual({ no: from, alone: '5' });

    session.doubt('connection_lost');
    await session.certain;
    expect(beats.filter(({ no }) => no === session.no)[0]).toEqual({ no: session.no, alone: '5' });
    expect(await session.publishAlone(null)).toBe(true);
    expect(beats.at(-1)).toEqual({ no: session.no, alone: null });
    await session.close();
    const ended = beats.length;
    expect(await session.publishAlone('6')).toBe(false);
    expect(beats).toHaveLength(ended);
  });

  it('A8: is said of nobody any more under a new identity, when it cannot be known who heard of it', async () => {
    const heard: { no: number; alone: string | null }[] = [];
    const { session, named } = sessionOn({
      async beat(no, alone) {
        heard.push({ no, alone });
        if (alone !== null) throw new Error('Connection terminated');
        return true;
      },
    });
    await session.open();
    const from = session.no;
    expect(await session.publishAlone('5')).toBe(false);
    await session.certain;
    expect(named('worker:renewed')).toMatchObject([{ from, reason: 'unknown_company' }]);
    expect(heard.filter(({ alone }) => alone !== null)).toEqual([{ no: from, alone: '5' }]);
    await session.close();
  });
});

describe('closing', () => {
  it('unregisters an identity that is certain', async () => {
    const { session, unregistered, transfers } = sessionOn({ beat: async () => true });
    await session.open();
    await session.close();
    await session.close();
    expect(unregistered).toEqual([session.no]);
    expect(transfers).toEqual([]);
  });

  it('A2: declares one in doubt dead, so that its claim can take nothing any more', async () => {
    let reachable = true;
    const { session, unregistered, transfers } = sessionOn({
      beat: async () => true,
      register: () => (reachable ? Promise.resolve(true) : away()),
    });
    await session.open();
    reachable = false;
    session.doubt('unknown_claim');
    await session.close();
    expect(unregistered).toEqual([]);
    expect(transfers).toMatchObject([{ held: [], from: session.no, reason: 'unknown_claim' }]);
  });

  it('leaves nothing registered when it comes during the opening', async () => {
    const answer = Promise.withResolvers<boolean>();
    const { session, registered, unregistered } = sessionOn({ register: () => answer.promise });
    const opening = session.open();
    await session.close();
    answer.resolve(true);
    await expect(opening).rejects.toMatchObject({ code: 'MILLRACE_STOPPED' });
    expect(unregistered).toEqual(registered.map(({ no }) => no));
  });
});
