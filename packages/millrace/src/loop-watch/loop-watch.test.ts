import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { emitted } from '../../../../test/helpers/worker-parts.ts';
import { LoopWatch } from './loop-watch.ts';
import { Pulse, pulseMs } from './pulse.ts';

const blockedForMs = 1_000;
const everyMs = pulseMs(blockedForMs);

const ref = (id: string) => ({ id, kind: 'test', queue: 'default', attempt: 1 });

/** A thread that does nothing. */
class IdleThread extends EventEmitter {
  ended = 0;
  isHeld = true;
  unref(): void {
    this.isHeld = false;
  }
  async terminate(): Promise<number> {
    this.ended += 1;
    return 1;
  }
}

/** A watched loop whose timers fire when the test says so. */
function watched(startThread?: () => IdleThread) {
  const threads: IdleThread[] = [];
  const pending = new Set<() => void>();
  const { emit, named } = emitted();
  let nowMs = 0;
  let shared = new Pulse();
  const watch = new LoopWatch({
    clock: {
      monotonicMs: () => nowMs,
      after(_delayMs, callback) {
        pending.add(callback);
        return () => pending.delete(callback);
      },
    },
    emit,
    blockedForMs,
    startThread(memory) {
      shared = new Pulse(memory);
      const thread = startThread?.() ?? new IdleThread();
      threads.push(thread);
      return thread;
    },
  });
  return {
    watch,
    threads,
    pending,
    blocks: () => named('loop:blocked'),
    unwatched: () => named('loop:unwatched').map(({ error }) => error.message),
    pulse: () => shared,
    /** The loop has its turn again after so many milliseconds; the other thread looked so often meanwhile. */
    turn: (afterMs: number, looks = Math.floor(afterMs / everyMs), meanwhile = () => {}) => {
      nowMs += afterMs;
      for (let each = 0; each < looks; each++) shared.look();
      meanwhile();
      const due = [...pending];
      pending.clear();
      for (const callback of due) callback();
    },
  };
}

describe('a watched event loop', () => {
  it('G5: shows that it moves, and which jobs run', async () => {
    const { watch, pulse, turn } = watched();
    const ended = watch.began(ref('1'));
    await watch.start();
    watch.began(ref('2'));
    const before = pulse().ticks;
    turn(everyMs);
    turn(everyMs);
    expect(pulse().ticks).toBe(before + 2);
    expect(pulse().jobs()).toEqual(['1', '2']);
    ended();
    expect(pulse().jobs()).toEqual(['2']);
    watch.began(ref('3'));
    expect(pulse().jobs()).toEqual(['3', '2']);
    await watch.stop();
  });

  it('G5: tells of a block when it is over: for how long, and with which jobs that ran or ended meanwhile', async () => {
    const { watch, blocks, turn } = watched();
    await watch.start();
    const endEarly = watch.began(ref('11'));
    const endLate = watch.began(ref('12'));
    watch.began(ref('13'));
    turn(everyMs, 1, endEarly);
    turn(everyMs + blockedForMs, 5);
    expect(blocks()).toEqual([]);
    turn(everyMs + blockedForMs + 1, 5, endLate);
    expect(blocks()).toEqual([{ durationMs: blockedForMs + 1, jobs: [ref('12'), ref('13')] }]);
    turn(everyMs);
    expect(blocks()).toHaveLength(1);
  });

  it('G5: blames no job when the other thread stood still as well', async () => {
    const { watch, blocks, turn } = watched();
    await watch.start();
    watch.began(ref('1'));
    turn(60_000, 2);
    expect(blocks()).toEqual([]);
    turn(60_000, 200);
    expect(blocks()).toHaveLength(1);
  });

  it('G5: names more jobs than the other thread can read', async () => {
    const { watch, blocks, pulse, turn } = watched();
    await watch.start();
    const ends = Array.from({ length: 3_000 }, (_, index) => watch.began(ref(String(index + 1))));
    expect(pulse().jobs().length).toBeGreaterThanOrEqual(1_000);
    turn(10_000);
    expect(blocks()[0]?.jobs).toHaveLength(3_000);
    for (const end of ends) end();
    expect(pulse().jobs()).toEqual([]);
    turn(10_000);
    expect(blocks()[1]?.jobs).toEqual([]);
  });

  it('G5: goes on without the thread, and says so once, when it fails or cannot be started', async () => {
    const failing = watched();
    await failing.watch.start();
    failing.threads[0]?.emit('error', new Error('no such file'));
    expect(failing.unwatched()).toEqual(['no such file']);
    failing.turn(60_000, 0);
    expect(failing.blocks()).toHaveLength(1);
    await failing.watch.stop();
    expect(failing.threads[0]?.ended).toBe(0);

    const refused = watched(() => {
      throw new Error('cannot be cloned');
    });
    await refused.watch.start();
    expect(refused.unwatched()).toEqual(['cannot be cloned']);
    await refused.watch.stop();
  });

  it('G5: passes on what the thread could not write', async () => {
    const { watch, threads, unwatched } = watched();
    await watch.start();
    threads[0]?.emit('message', { name: 'Error', message: 'no connection is free' });
    expect(unwatched()).toEqual(['no connection is free']);
    await watch.stop();
  });

  it('G5: ends with its thread and its timer, and begins again', async () => {
    const { watch, threads, pending, turn, blocks } = watched();
    await watch.start();
    await watch.start();
    expect(threads).toHaveLength(1);
    await Promise.all([watch.stop(), watch.stop()]);
    expect(pending.size).toBe(0);
    expect(threads[0]).toMatchObject({ ended: 1, isHeld: false });
    turn(60_000);
    await watch.start();
    expect(threads).toHaveLength(2);
    turn(everyMs);
    expect(blocks()).toEqual([]);
    await watch.stop();
  });
});
