import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emitted, heldJob, instantClock } from '../../../../test/helpers/worker-parts.ts';
import type { Settlement } from '../core/lifecycle.ts';
import type { SettleAnswer, SettleRequest } from '../core/storage.ts';
import { Settler } from './settler.ts';

const completed: Settlement = {
  type: 'finish',
  state: 'completed',
  result: null,
  reason: null,
  error: null,
  keep: true,
};
const failure: Settlement = { type: 'giveBack' };

type Script = (
  requests: readonly SettleRequest[],
  call: number,
) => SettleAnswer[] | Error | Promise<SettleAnswer[]>;

const written = (requests: readonly SettleRequest[]): SettleAnswer[] =>
  requests.map(({ id }) => ({ id, status: 'written', state: 'completed' }));
const sqlError = (code: string) => Object.assign(new Error(`error ${code}`), { code });

/** A settler on a database that answers as it is told: what no real server can be made to do at a given moment. */
function settlerOn(script: Script, certain: () => Promise<void> = () => Promise.resolve()) {
  const calls: (readonly SettleRequest[])[] = [];
  const { clock, pauses } = instantClock();
  const { emit, named } = emitted();
  const settler = new Settler({
    port: {
      async settle(requests) {
        calls.push(requests);
        const answer = await script(requests, calls.length);
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    clock,
    emit,
    random: () => 1,
    certain,
    failure: () => failure,
  });
  const ids = () => calls.map((call) => call.map(({ id }) => id));
  return { settler, calls, ids, pauses, named };
}

const jobs = (count: number) =>
  Array.from({ length: count }, (_, index) => heldJob({ id: String(index) }));

describe('the settler', () => {
  it('writes in one call what ends in one turn of the event loop, and gathers while a call is under way', async () => {
    const gate = Promise.withResolvers<void>();
    const { settler, calls } = settlerOn((requests, call) =>
      call === 1 ? gate.promise.then(() => written(requests)) : written(requests),
    );
    const first = jobs(3).map((held) => settler.settle(held, completed));
    await new Promise((resolve) => setImmediate(resolve));
    const second = jobs(7).map((held) => settler.settle(held, completed));
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls.map((call) => call.length)).toEqual([3]);
    gate.resolve();
    await Promise.all([...first, ...second]);
    expect(calls.map((call) => call.length)).toEqual([3, 7]);
  });

  it('puts at most 500 into one call', async () => {
    const { settler, calls } = settlerOn(written);
    await Promise.all(jobs(1_201).map((held) => settler.settle(held, completed)));
    expect(calls.map((call) => call.length)).toEqual([500, 500, 201]);
  });

  it('G6: repeats a call that failed, after growing pauses, until it is written', async () => {
    const { settler, ids, pauses, named } = settlerOn((requests, call) =>
      call <= 8 ? new Error('Connection terminated unexpectedly') : written(requests),
    );
    const ends = await Promise.all(jobs(2).map((held) => settler.settle(held, completed)));
    expect(ends).toEqual(['written', 'written']);
    expect(ids()).toEqual(Array.from({ length: 9 }, () => ['0', '1']));
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
    expect(named('settle:retried').map(({ jobs: count, tries }) => [count, tries])).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8].map((tries) => [2, tries]),
    );
  });

  it('G7: tries a held row again, with growing pauses, while the others are written', async () => {
    const { settler, ids, pauses } = settlerOn((requests, call) =>
      requests.map(({ id }) =>
        id === '1' && call < 8
          ? { id, status: 'busy' }
          : { id, status: 'written', state: 'completed' },
      ),
    );
    const ends: string[] = [];
    await Promise.all(
      jobs(3).map(async (held) => {
        await settler.settle(held, completed);
        ends.push(held.job.id);
      }),
    );
    expect(ends).toEqual(['0', '2', '1']);
    expect(ids()).toEqual([['0', '1', '2'], ...Array.from({ length: 7 }, () => ['1'])]);
    expect(pauses).toEqual([20, 40, 80, 160, 320, 640, 1_000]);
  });

  it.each(['22021', '22003', '23502', '54000'])(
    'G7: finds the settlement that the server refuses with %s, and makes it a failure of its job',
    async (code) => {
      const { settler, calls, named } = settlerOn((requests) =>
        requests.some(({ id, settlement }) => id === '123' && settlement !== failure)
          ? sqlError(code)
          : written(requests),
      );
      const ends = await Promise.all(jobs(500).map((held) => settler.settle(held, completed)));
      expect(new Set(ends)).toEqual(new Set(['written']));
      const last = calls
        .flat()
        .filter(({ id }) => id === '123')
        .at(-1);
      expect(last?.settlement).toBe(failure);
      const others = calls
        .flat()
        .filter(({ id, settlement }) => id !== '123' && settlement !== completed);
      expect(others).toEqual([]);
      expect(calls.length).toBeLessThan(25);
      expect(named('settle:retried')).toMatchObject([{ jobs: 1, error: { code } }]);
    },
  );

  it('G7: a job about which nothing can be written is tried alone, and holds back nobody', async () => {
    let damaged = true;
    const { settler, calls } = settlerOn((requests) =>
      damaged && requests.some(({ id }) => id === '7') ? sqlError('XX001') : written(requests),
    );
    const held = jobs(20);
    const ends = held.map((each) => settler.settle(each, completed));
    await Promise.all(ends.toSpliced(7, 1));
    await settler.settle(heldJob({ id: 'later' }), completed);
    damaged = false;
    expect(await ends[7]).toBe('written');
    const about7 = calls.filter((call) => call.some(({ id }) => id === '7'));
    expect(about7.at(-1)).toMatchObject([{ id: '7', settlement: completed }]);
  });

  it.each(['23514', '25006', '57014', '55P03', '40001', '42P01'])(
    'what is wrong with the database is no fault of any job: %s repeats the call as it was',
    async (code) => {
      const { settler, calls } = settlerOn((requests, call) =>
        call < 3 ? sqlError(code) : written(requests),
      );
      await Promise.all(jobs(4).map((held) => settler.settle(held, completed)));
      expect(calls.map((call) => call.length)).toEqual([4, 4, 4]);
      expect(calls.flat().every(({ settlement }) => settlement === completed)).toBe(true);
    },
  );

  it('G2: a lost lease is counted, and ends the matter', async () => {
    const { settler, calls, named } = settlerOn((requests) =>
      requests.map(({ id }) => ({ id, status: 'lost' })),
    );
    expect(await settler.settle(heldJob({ id: '5', lease: '77' }), completed)).toBe('lost');
    expect(named('settle:refused')).toEqual([{ id: '5', kind: 'test', lease: '77' }]);
    expect(calls).toHaveLength(1);
  });

  it('A1: a lease that was renewed while the call was under way is not lost', async () => {
    const renewed = Promise.withResolvers<void>();
    const { settler, calls, named } = settlerOn(
      (requests) =>
        requests.map(({ id, lease }) =>
          lease === 'new' ? { id, status: 'written', state: 'completed' } : { id, status: 'lost' },
        ),
      () => renewed.promise,
    );
    const held = heldJob({ lease: 'old' });
    const settled = settler.settle(held, completed);
    await new Promise((resolve) => setImmediate(resolve));
    held.lease = 'new';
    renewed.resolve();
    expect(await settled).toBe('written');
    expect(calls.flat().map(({ lease }) => lease)).toEqual(['old', 'new']);
    expect(named('settle:refused')).toEqual([]);
  });

  const lostAnswer = (requests: readonly SettleRequest[], call: number) =>
    call === 1
      ? new Error('Connection terminated')
      : requests.map(({ id }): SettleAnswer => ({ id, status: 'lost' }));

  it.each<Settlement>([
    { type: 'giveBack' },
    { type: 'wait', delay: { ms: 1_000, from: 'now' }, attemptCounts: false, error: null },
    { ...completed, keep: false },
  ])(
    'C9: what leaves no trace, and is gone after an answer was lost, is unknown and not refused: $type',
    async (settlement) => {
      const { settler, named } = settlerOn(lostAnswer);
      const held = heldJob({ id: '5', lease: '77' });
      expect(await settler.settle(held, settlement)).toBe('lost');
      expect(named('settle:unknown')).toEqual([{ id: '5', kind: 'test', lease: '77' }]);
      expect(named('settle:refused')).toEqual([]);
    },
  );

  it('a claim leaves with the completions that are there when they are enough, else those of the same turn come along', async () => {
    const { settler } = settlerOn(lostAnswer);
    settler.ride(() => {});
    const later = () => settler.board((completions) => completions >= 2);
    const settle = (id: string) => void settler.settle(heldJob({ id }), completed);
    settle('1');
    const waiting = later();
    settle('2');
    settle('3');
    expect((await waiting).completed.map(({ id }) => id)).toEqual(['1', '2', '3']);
    settle('4');
    settle('5');
    const gone = later();
    settle('6');
    expect((await gone).completed.map(({ id }) => id)).toEqual(['4', '5']);
    expect((await later()).completed.map(({ id }) => id)).toEqual(['6']);
  });

  it('C9: the same of a completion that went along with a claim whose answer was lost', async () => {
    const { settler, named } = settlerOn((requests) => lostAnswer(requests, 2));
    settler.ride(() => {});
    const settled = settler.settle(heldJob(), { ...completed, keep: false });
    const passengers = await settler.board(() => false);
    passengers.leave(new Error('Connection terminated'));
    expect(await settled).toBe('lost');
    expect(named('settle:unknown')).toHaveLength(1);
  });

  it.each([
    ['what would have left a trace', completed, lostAnswer],
    [
      'what was refused before',
      failure,
      (requests, call) => (call === 1 ? sqlError('40001') : lostAnswer(requests, call)),
    ],
  ] satisfies [string, Settlement, Script][])(
    'C9: G2: %s is refused when it is gone',
    async (_, settlement, script) => {
      const { settler, named } = settlerOn(script);
      expect(await settler.settle(heldJob(), settlement)).toBe('lost');
      expect(named('settle:refused')).toHaveLength(1);
      expect(named('settle:unknown')).toEqual([]);
    },
  );

  it('C9: G2: what may have been written under an old lease, and was not, is refused under the new one', async () => {
    const held = heldJob({ lease: 'old' });
    const { settler, named } = settlerOn((requests, call) => {
      held.lease = 'new';
      return lostAnswer(requests, call);
    });
    expect(await settler.settle(held, failure)).toBe('lost');
    expect(named('settle:refused')).toMatchObject([{ lease: 'new' }]);
  });

  it('never names a job twice in one call: it may be here under two leases', async () => {
    const { settler, ids } = settlerOn(written);
    const twice = [heldJob({ lease: '1' }), heldJob({ lease: '2' })];
    await Promise.all(twice.map((held) => settler.settle(held, completed)));
    expect(ids()).toEqual([['1'], ['1']]);
  });

  it('G22: closing waits for what is under way, not longer than it is told, and takes nothing after', async () => {
    const { settler } = settlerOn(() => new Error('Connection terminated'));
    const settled = settler.settle(heldJob(), completed);
    await settler.close(10);
    expect(await settled).toBe('unwritten');
    expect(await settler.settle(heldJob(), completed)).toBe('unwritten');

    const gate = Promise.withResolvers<void>();
    const other = settlerOn((requests) => gate.promise.then(() => written(requests)));
    const end = other.settler.settle(heldJob(), completed);
    await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    await other.settler.close(60_000);
    expect(await end).toBe('written');
  });

  it('whatever the server does, every settlement ends exactly once, and as it was meant or as its failure', async () => {
    const fault = fc.constantFrom(
      'ok',
      'busy',
      'mute',
      '08006',
      '40001',
      '22021',
      'XX001',
      '25006',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 40 }),
        fc.integer({ min: 1, max: 30 }),
        async (faults, count) => {
          const queue = [...faults];
          const done = new Map<string, number>();
          const { settler } = settlerOn((requests) => {
            const next = queue.shift() ?? 'ok';
            if (!['ok', 'busy', 'mute'].includes(next)) return sqlError(next);
            const first = requests[0]?.id;
            return requests
              .filter(({ id }) => !(next === 'mute' && id === first))
              .map(({ id }) => {
                if (next === 'busy' && id === first) return { id, status: 'busy' };
                done.set(id, (done.get(id) ?? 0) + 1);
                return { id, status: 'written', state: 'completed' };
              });
          });
          const ends = await Promise.all(
            jobs(count).map((held) => settler.settle(held, completed)),
          );
          expect(ends.every((end) => end === 'written')).toBe(true);
          expect([...done.values()]).toEqual(Array.from({ length: count }, () => 1));
        },
      ),
      { numRuns: 200 },
    );
  });
});
