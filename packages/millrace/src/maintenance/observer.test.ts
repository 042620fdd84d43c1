import { describe, expect, it } from 'vitest';
import type { Sighting } from '../core/storage.ts';
import { Observer } from './observer.ts';

const times = { freeForMs: 1_000, graceMs: 10_000, silentForMs: 15_000, longestGapMs: 4_000 };

function sighting(rest: Partial<Sighting> = {}): Sighting {
  return {
    no: 1,
    boot: 'b',
    role: 'worker',
    mode: 'session',
    host: 'h',
    pid: 1,
    beat: '0',
    locked: true,
    blocked: null,
    ...rest,
  };
}

/** Looks at one process every half second; answers with when, in ms, it was found dead, and how. */
function watch(
  seen: (ms: number) => Partial<Sighting>,
  untilMs: number,
  session = (_ms: number): unknown => 's',
) {
  const observer = new Observer(times);
  for (let ms = 0; ms <= untilMs; ms += 500) {
    const [verdict] = observer.look(
      [sighting({ beat: String(Math.floor(ms / 3_000)), ...seen(ms) })],
      session(ms),
      ms,
    );
    if (verdict !== undefined) return { ms, crashed: verdict.crashed };
  }
  return null;
}

describe('an observer', () => {
  it('A3: finds a process dead when its lock was held and then free for a second', () => {
    const killed = watch(
      (ms) => ({ locked: ms < 5_000, beat: String(Math.min(ms, 4_900)) }),
      10_000,
    );
    expect(killed).toEqual({ ms: 6_000, crashed: true });
  });

  it('A3: takes a sign of life for one, although the lock is free', () => {
    const stamped = watch((ms) => ({ locked: ms < 5_000, beat: String(ms) }), 20_000);
    expect(stamped).toBeNull();
  });

  it('A3: after a break in its own session waits for the grace, and counts no crash', () => {
    const restarted = watch(
      (ms) => ({ locked: ms < 5_000, beat: '0' }),
      60_000,
      (ms) => (ms < 5_000 ? 'before' : 'after'),
    );
    expect(restarted).toEqual({ ms: 15_000, crashed: false });
  });

  it('A3: a process whose lock comes back within the grace is alive', () => {
    expect(
      watch(
        (ms) => ({ locked: ms < 5_000 || ms > 12_000 }),
        60_000,
        (ms) => (ms < 5_000 ? 'before' : 'after'),
      ),
    ).toBeNull();
  });

  it('finds a frozen process by its silence, although it holds its lock', () => {
    expect(watch(() => ({ beat: '7' }), 60_000)).toEqual({ ms: 15_000, crashed: false });
  });

  it('C5: judges a process without a lock by its heartbeat alone', () => {
    expect(watch(() => ({ mode: 'heartbeat', locked: false }), 60_000)).toBeNull();
    expect(
      watch(
        (ms) => ({ mode: 'heartbeat', locked: false, beat: String(Math.min(ms, 4_000)) }),
        60_000,
      ),
    ).toEqual({
      ms: 19_000,
      crashed: false,
    });
  });

  it('C6: was away itself: what it saw before proves nothing', () => {
    const observer = new Observer(times);
    expect(observer.look([sighting()], 's', 0)).toEqual([]);
    expect(observer.look([sighting({ locked: false })], 's', 60_000)).toEqual([]);
    expect(observer.look([sighting({ locked: false })], 's', 61_500)).toEqual([]);
  });

  it('A3: who appeared after the first look held a lock then, also when nobody saw it held', () => {
    const observer = new Observer(times);
    expect(observer.look([], 's', 0)).toEqual([]);
    expect(observer.look([sighting({ locked: false })], 's', 500)).toEqual([]);
    expect(observer.look([sighting({ locked: false })], 's', 1_500)).toMatchObject([
      { crashed: true },
    ]);
  });

  it('A3: who was there before the first look may have been so for reasons of the whole server', () => {
    const observer = new Observer(times);
    expect(observer.look([sighting({ locked: false })], 's', 0)).toEqual([]);
    expect(observer.look([sighting({ locked: false })], 's', 1_500)).toEqual([]);
  });

  it('forgets who is no longer registered', () => {
    const observer = new Observer(times);
    observer.look([sighting()], 's', 0);
    observer.look([], 's', 500);
    expect(observer.look([sighting({ no: 2 })], 's', 2_500)).toEqual([]);
  });
});
