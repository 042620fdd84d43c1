import { describe, expect, it } from 'vitest';
import { Pulse, pulseMs } from './pulse.ts';
import { Watcher } from './watcher.ts';

const blockedForMs = 1_000;
const everyMs = pulseMs(blockedForMs);

/** A watcher whose clock goes on from look to look. */
function watching(beat = async (_stoodMs: number, _jobs: readonly string[]): Promise<void> => {}) {
  const pulse = new Pulse();
  const beats: { stoodMs: number; jobs: readonly string[] }[] = [];
  const errors: string[] = [];
  let nowMs = 0;
  let rests = 0;
  const watcher = new Watcher({
    pulse,
    clock: { monotonicMs: () => nowMs, after: () => () => {} },
    blockedForMs,
    async beat(stoodMs, jobs) {
      beats.push({ stoodMs, jobs });
      await beat(stoodMs, jobs);
    },
    async rest() {
      rests += 1;
    },
    onError: ({ message }) => errors.push(message),
  });
  return {
    pulse,
    beats,
    errors,
    rests: () => rests,
    look: async (times = 1, pauseMs = everyMs) => {
      for (let each = 0; each < times; each++) {
        nowMs += pauseMs;
        expect(watcher.look()).toBe(everyMs);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

describe('who watches an event loop', () => {
  it('G5: says nothing while the loop moves, and shows that it looks', async () => {
    const { pulse, beats, rests, look } = watching();
    for (let times = 0; times < 100; times++) {
      if (times % 4 === 0) pulse.tick();
      await look();
    }
    expect(pulse.looks).toBe(100);
    expect({ beats, rests: rests() }).toEqual({ beats: [], rests: 0 });
  });

  it('G5: beats at every look once the loop has stood still for longer than the bound, until it moves', async () => {
    const { pulse, beats, rests, look } = watching();
    await look();
    pulse.setJob(0, '9007199254740993');
    pulse.setJob(2, '7');
    await look(4);
    expect(beats).toEqual([]);
    await look(2);
    const jobs = ['9007199254740993', '7'];
    expect(beats).toEqual([
      { stoodMs: blockedForMs + everyMs, jobs },
      { stoodMs: blockedForMs + 2 * everyMs, jobs },
    ]);
    expect(rests()).toBe(0);
    pulse.tick();
    await look(3);
    expect(beats).toHaveLength(2);
    expect(rests()).toBe(1);
  });

  it('G5: was away itself: what it saw before proves nothing', async () => {
    const { beats, look } = watching();
    await look(2);
    await look(1, 60_000);
    await look(4);
    expect(beats).toEqual([]);
    await look();
    expect(beats).toHaveLength(1);
  });

  it('G5: looks on while a beat is under way, and sends no second one', async () => {
    const answer = Promise.withResolvers<void>();
    const { pulse, beats, rests, look } = watching(() => answer.promise);
    await look(10);
    pulse.tick();
    await look(2);
    expect(beats).toHaveLength(1);
    expect({ looks: pulse.looks, rests: rests() }).toEqual({ looks: 12, rests: 0 });
    answer.resolve();
    await look(2);
    expect(rests()).toBe(1);
  });

  it('G5: a beat that fails is tried again at the next look, and is told of once in each block', async () => {
    const { pulse, beats, errors, look } = watching(() => Promise.reject(new Error('away')));
    await look(10);
    expect(beats).toHaveLength(5);
    expect(errors).toEqual(['away']);
    pulse.tick();
    await look(10);
    expect(errors).toEqual(['away', 'away']);
  });
});
