import { describe, expect, it } from 'vitest';
import type { ListenerState, Notice } from '../core/storage.ts';
import { emitted, instantClock } from '../../../../test/helpers/worker-parts.ts';
import { Wakeup } from './wakeup.ts';

/** A worker that finds nothing, at a database that says what the test says. */
function idleWorker(random = 0.5) {
  const { clock, pauses } = instantClock();
  const calls: string[] = [];
  let onNotice: (notice: Notice) => void = () => {};
  let onState: (state: ListenerState) => void = () => {};
  const wakeup = new Wakeup({
    port: {
      listen(notice, state) {
        onNotice = notice;
        onState = state;
        return { stop: async () => {} };
      },
      wait: async () => void calls.push('wait'),
      endWait: async () => void calls.push('end'),
    },
    clock,
    emit: emitted().emit,
    random: () => random,
    queues: new Set(['q']),
    worker: () => 1,
    backstopMs: 30_000,
    pollMs: 1_000,
    onCancel: (id) => calls.push(`cancel ${id}`),
    onPause: (queue) => calls.push(`pause ${queue}`),
  });
  wakeup.listen();
  /** Claims in vain and sleeps. */
  const turn = async (dueInMs: number | null = null) => {
    wakeup.reset();
    wakeup.announce();
    await wakeup.sleep(dueInMs);
    return pauses.at(-1);
  };
  const turns = async (count: number) => {
    for (let each = 0; each < count; each++) await turn();
    return pauses.slice(-count);
  };
  const state = (next: ListenerState) => {
    onState(next);
    wakeup.reset();
  };
  const notify = (notice: Notice = { type: 'jobs', queue: 'q' }) => onNotice(notice);
  return { wakeup, calls, turn, turns, state, notify, pauses };
}

describe('a worker that finds nothing', () => {
  it('B1: sleeps twice as long each time, from 5 ms to half a minute', async () => {
    const { turns, state } = idleWorker();
    state('ready');
    expect(await turns(15)).toEqual([
      5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 30_000, 30_000,
    ]);
  });

  it('G15: polls each 0.75 to 1.25 s while notifications do not arrive, and tells nobody that it waits', async () => {
    for (const [random, ms] of [
      [0, 750],
      [0.5, 1_000],
      [1, 1_250],
    ] as const) {
      const { turns, calls, state } = idleWorker(random);
      state({ lost: new Error('gone') });
      expect((await turns(12)).slice(-2)).toEqual([ms, ms]);
      expect(calls).toEqual([]);
    }
  });

  it('is told apart from others when it was told of jobs of its queues: it need not look everywhere', async () => {
    const { wakeup, state, notify } = idleWorker();
    state('ready');
    expect(await wakeup.sleep(null)).toBe(false);
    const notices: readonly [Notice, boolean][] = [
      [{ type: 'jobs', queue: 'q' }, true],
      [{ type: 'jobs', queue: 'other' }, false],
      [{ type: 'clock' }, false],
      [{ type: 'pause', queue: 'q' }, false],
    ];
    for (const [notice, isTold] of notices) {
      wakeup.reset();
      notify(notice);
      expect(await wakeup.sleep(null)).toBe(isTold);
    }
  });

  it('begins again with short pauses when it has worked and when it is told', async () => {
    const { wakeup, turns, state, notify } = idleWorker();
    state('ready');
    await turns(5);
    wakeup.worked();
    expect(await turns(2)).toEqual([5, 10]);
    notify();
    expect(await turns(2)).toEqual([5, 10]);
  });

  it('wakes when the next job becomes due, never before', async () => {
    const { turn, turns, state } = idleWorker();
    state('ready');
    await turns(14);
    expect(await turn(1_234.1)).toBe(1_236);
    expect(await turn(0)).toBe(1);
  });

  it('does not sleep when it was told while it claimed', async () => {
    const { wakeup, state, notify, pauses } = idleWorker();
    state('ready');
    wakeup.reset();
    notify();
    await wakeup.sleep(null);
    expect(pauses).toEqual([]);
  });

  it('hears only of its own queues, of cancelling, and of a moved clock', async () => {
    const { wakeup, state, notify, pauses, calls } = idleWorker();
    state('ready');
    const sleeps = async (notice: Notice) => {
      wakeup.reset();
      notify(notice);
      const before = pauses.length;
      await wakeup.sleep(null);
      return pauses.length > before;
    };
    expect(await sleeps({ type: 'jobs', queue: 'other' })).toBe(true);
    expect(await sleeps({ type: 'cancel', id: '7' })).toBe(true);
    expect(await sleeps({ type: 'jobs', queue: 'q' })).toBe(false);
    expect(await sleeps({ type: 'clock' })).toBe(false);
    expect(calls).toEqual(['cancel 7']);
  });
});

describe('a worker that is told all the time', () => {
  it('B8: does without notifications for 100 ms and asks each 5 ms instead', async () => {
    const { turn, turns, calls, state, notify } = idleWorker();
    state('ready');
    for (let each = 0; each < 9; each++) notify();
    await turn();
    expect(calls).toEqual(['wait']);
    notify();
    expect(await turns(5)).toEqual([5, 5, 5, 5, 5]);
    expect(calls).toEqual(['wait', ...Array.from({ length: 5 }, () => 'end')]);
    await turns(20);
    expect(calls.at(-1)).toBe('wait');
  });
});
