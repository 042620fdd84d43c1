import { describe, expect, it } from 'vitest';
import type { Clock } from '../core/clock.ts';
import { flag, type Enabled, type FlagSource } from '../core/flags.ts';
import { emitted, heldJob } from '../../../../test/helpers/worker-parts.ts';
import { HeldBack } from './held-back.ts';
import { HeldKinds } from './held-kinds.ts';

/** A clock whose pauses end when the test says so. */
function handClock() {
  const due = new Set<() => void>();
  const clock: Clock = {
    monotonicMs: () => 0,
    after(_delayMs, callback) {
      due.add(callback);
      return () => due.delete(callback);
    },
  };
  const ring = () => {
    for (const callback of due) if (due.delete(callback)) callback();
  };
  return { clock, ring };
}

function setup(enabled: Enabled, flags?: FlagSource) {
  const { clock, ring } = handClock();
  const { emit, named } = emitted();
  const published: string[] = [];
  let worker = 1;
  let changes = 0;
  const parts = {
    clock,
    emit,
    random: () => 0.5,
    handlers: new Map([
      ['test', heldJob({}, { enabled }).settings],
      ['always', heldJob().settings],
    ]),
    flags,
    worker: () => worker,
    publish: async (no: number, kinds: readonly string[]) =>
      void published.push(`${no} ${kinds.join()}`),
  };
  const held = new HeldKinds({ ...parts, onChange: () => (changes += 1) });
  return {
    parts,
    held,
    ring,
    named,
    published,
    renew: () => (worker += 1),
    changes: () => changes,
  };
}

describe('the kinds that a worker leaves out', () => {
  it('are those whose function says no, from the first answer on, and are told of to everybody', async () => {
    let isOn = false;
    const { held, ring, named, published, renew, changes } = setup(() => isOn);
    expect(held.claimed).toEqual(['always']);
    await held.start();
    expect([held.holds('test'), held.holds('always')]).toEqual([true, false]);
    expect(named('kind:held')).toEqual([{ worker: 1, kind: 'test', held: true }]);
    isOn = true;
    ring();
    await expect.poll(() => held.claimed).toEqual(['test', 'always']);
    await expect.poll(() => published).toEqual(['1 test', '1 ']);
    renew();
    isOn = false;
    ring();
    await expect.poll(() => published).toEqual(['1 test', '1 ', '2 test']);
    expect(changes()).toBe(2);
    await held.stop();
  });

  it('stay the same while the answer fails or does not come, which is told once', async () => {
    let answer: () => boolean | Promise<boolean> = () => true;
    const { held, ring, named } = setup(() => answer());
    await held.start();
    expect(held.holds('test')).toBe(false);
    answer = () => {
      throw new Error('unknown');
    };
    ring();
    await expect.poll(() => named('flag:failed')).toHaveLength(1);
    answer = () => new Promise<boolean>(() => {});
    // The pause between two questions, and the time for the answer.
    for (let each = 0; each < 3; each++) {
      ring();
      await new Promise(setImmediate);
    }
    expect(held.holds('test')).toBe(false);
    expect(named('flag:failed')).toMatchObject([
      { flag: 'test.enabled', kind: 'test', error: { message: 'unknown' } },
    ]);
    await held.stop();
  });

  it('follow the default of a flag until it is known', async () => {
    const { held } = setup(flag('x', { default: false }));
    expect(held.claimed).toEqual(['always']);
    await held.start();
    expect(held.claimed).toEqual(['always']);
    await held.stop();
  });
});

it('what is in hand of a queue goes back when it is paused, and only claims of that queue say that it goes on', () => {
  const gone: string[] = [];
  const { parts } = setup(() => true);
  const jobs = ['mail', 'other'].map((queue) => heldJob({ kind: 'always', queue }).job);
  const back = new HeldBack({
    ...parts,
    giveBack: (those) => gone.push(...jobs.filter(those).map(({ queue }) => queue)),
    wake() {},
  });
  back.pause('mail');
  expect(gone).toEqual(['mail']);
  back.asked([{ queue: 'other' }], []);
  expect(back.holds({ kind: 'always', queue: 'mail' })).toBe(true);
  back.asked([{ queue: 'mail' }], ['mail']);
  expect(back.holds({ kind: 'always', queue: 'mail' })).toBe(true);
  back.asked([{ queue: 'mail' }], []);
  expect(back.holds({ kind: 'always', queue: 'mail' })).toBe(false);
});
