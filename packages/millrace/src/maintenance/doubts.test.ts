import { describe, expect, it } from 'vitest';
import type { Sighting } from '../core/storage.ts';
import { Doubts } from './doubts.ts';

const doubtMs = 60_000;
const long = Number.POSITIVE_INFINITY;
const none = { ended: [], living: [] };

function sighting(no: number, boot: string, beat = '0'): Sighting {
  const where = { role: 'worker', mode: 'session', host: 'h', pid: 1 } as const;
  return { no, boot, beat, ...where, locked: true, blocked: null };
}

/** One death in doubt since time 0, which the observer first looks at with these sightings. */
function doubted(boot: string | null, ...first: readonly Sighting[]): Doubts {
  const doubts = new Doubts(doubtMs);
  doubts.hold([{ no: 1, boot }], 0);
  doubts.look(first, long, 500);
  return doubts;
}

describe('A8: a death that would quarantine a job', () => {
  it('is believed when the process has given no sign of life for the time of doubt, and not before', () => {
    const doubts = doubted('b', sighting(2, 'other'));
    expect(doubts.look([sighting(2, 'other', '7')], long, doubtMs - 1)).toBe(false);
    expect(doubts.verdicts).toEqual(none);
    expect(doubts.look([], long, doubtMs)).toBe(true);
    expect(doubts.verdicts).toEqual({ ended: [1], living: [] });
  });

  it.each([
    ['comes back under another identity', [], [sighting(3, 'b')]],
    ['lets another of its identities beat', [sighting(2, 'b', '4')], [sighting(2, 'b', '5')]],
  ])('is none when the process %s', (_, first, then) => {
    const doubts = doubted('b', ...first);
    expect(doubts.look(then, long, 1_000)).toBe(true);
    expect(doubts.verdicts).toEqual({ ended: [], living: [1] });
  });

  it('is believed although another identity of the process has not been missed yet', () => {
    const still = sighting(2, 'b', '4');
    const doubts = doubted('b', still);
    doubts.look([still], long, 1_000);
    doubts.look([], long, 15_000);
    expect(doubts.verdicts).toEqual(none);
    doubts.look([], long, doubtMs);
    expect(doubts.verdicts.ended).toEqual([1]);
  });

  it('is not believed for a time in which nobody watched', () => {
    const doubts = doubted('b');
    doubts.look([], 10_000, 2 * doubtMs);
    expect(doubts.verdicts).toEqual(none);
    doubts.look([], doubtMs, 3 * doubtMs);
    expect(doubts.verdicts.ended).toEqual([1]);
  });

  it('is believed at once when somebody saw the process end', () => {
    const doubts = new Doubts(doubtMs);
    doubts.believe([1]);
    expect(doubts.verdicts).toEqual({ ended: [1], living: [] });
  });

  it('of a release that did not name the process is believed after the time of doubt', () => {
    const doubts = doubted(null, sighting(2, 'b'));
    doubts.look([sighting(2, 'b', '1')], long, doubtMs);
    expect(doubts.verdicts).toEqual({ ended: [1], living: [] });
  });

  it('keeps its time over rescues that leave it waiting, and is forgotten with its job', () => {
    const doubts = doubted('b');
    doubts.hold([{ no: 1, boot: 'b' }], 40_000);
    doubts.look([], long, doubtMs);
    expect(doubts.verdicts.ended).toEqual([1]);
    doubts.hold([], doubtMs);
    expect(doubts.look([], long, 3 * doubtMs)).toBe(false);
    expect(doubts.verdicts).toEqual(none);
  });
});
