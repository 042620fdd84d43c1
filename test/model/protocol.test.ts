import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explore, follow } from './explore.ts';
import type { Invariant } from './invariants.ts';
import type { Rules } from './rows.ts';
import type { Size } from './state.ts';

describe('the protocol', () => {
  /** Others by hand: MILLRACE_MODEL_SIZE=2,2,1 takes some minutes and gigabytes. */
  const sizes = (process.env['MILLRACE_MODEL_SIZE'] ?? '2,1,1 1,2,1').split(' ').map((text) => {
    const [workers = 0, jobs = 0, mishaps = 0] = text.split(',').map(Number);
    return { workers, jobs, mishaps };
  });

  it.each(sizes)(
    'G1, G2, G3: with $workers worker(s), $jobs job(s) and $mishaps mishap(s) at any step, every state keeps the promises',
    (size) => {
      const { states, counterexample } = explore(size);
      console.log(`${JSON.stringify(size)}: ${states} states`);
      expect(counterexample).toBeUndefined();
      expect(states).toBeGreaterThan(1_000);
    },
    3_600_000,
  );

  it('G1, G2, G3: random ways of more workers and jobs, on which much goes wrong, keep the promises', () => {
    const sizeOf = fc.record({
      workers: fc.integer({ min: 2, max: 4 }),
      jobs: fc.integer({ min: 1, max: 4 }),
      mishaps: fc.integer({ min: 1, max: 8 }),
    });
    const choices = fc.array(fc.nat(), { minLength: 20, maxLength: 150, size: 'max' });
    const numRuns = Number(process.env['MILLRACE_MODEL_RUNS'] ?? 2_000);
    fc.assert(
      fc.property(sizeOf, choices, (size, chosen) => {
        expect(follow(size, chosen)).toBeUndefined();
      }),
      { numRuns, seed: Number(process.env['MILLRACE_MODEL_SEED'] ?? 1) },
    );
  }, 3_600_000);
});

interface Hole {
  readonly title: string;
  readonly left: Partial<Rules>;
  readonly breaks: Invariant;
  readonly size?: Size;
  readonly after?: readonly string[];
}

const holes: readonly Hole[] = [
  {
    title: 'A1: without moving to a new incarnation, what a claim took unknown runs for ever',
    left: { transfer: false },
    breaks: 'every job can be finished',
  },
  {
    title: 'A1: A2: without rescue as a property of rows, what a claim commits late runs for ever',
    left: { rescueOfRows: false },
    breaks: 'every job can be finished',
  },
  {
    title: 'A2: without tombstones, an incarnation that was declared dead goes on taking jobs',
    left: { tombstones: false },
    breaks: 'who was declared dead takes no job by a claim that began later',
  },
  {
    title: 'A3: with a grace by the age of the server, a restart takes the jobs of the living',
    left: { graceOfObserver: false },
    breaks: 'nobody who lives is declared dead with a job in hand',
  },
  {
    title: 'A6: with numbers that repeat, a dead worker writes under the lease of another',
    left: { freshNumbers: false, tombstones: false },
    breaks: 'nobody writes under a lease that is not its own',
  },
  {
    title: 'G2: without the lease in the fence, a late worker settles what is somebody else’s',
    left: { settleByLease: false },
    breaks: 'nobody writes under a lease that is not its own',
  },
  {
    title:
      'G2: without the state in the fence, where a waiting row keeps its lease, a late worker gives an attempt back twice',
    left: { settleByState: false, leaseForgotten: false },
    breaks: 'attempts are never more than the job may have, nor fewer than none',
  },
  {
    title: 'A1: G2: without a second look at the lease, rescue takes what has just moved',
    left: { rescueByLease: false },
    breaks: 'no two that live and are registered run one job',
    size: { workers: 2, jobs: 1, mishaps: 1 },
  },
  {
    title: 'A1: G2: without signs of life under the new incarnation, a long move loses its jobs',
    left: { stampsTried: false },
    breaks: 'nobody who lives is declared dead with a job in hand',
  },
  {
    title: 'A1: G2: when both claims of a job in hand twice are moved, two run it',
    left: { laterOfTwo: false },
    breaks: 'no two that live and are registered run one job',
    size: { workers: 2, jobs: 2, mishaps: 1 },
    after: [
      'worker 1: claims',
      'server: claim of worker 1 commits',
      'worker 1: learns the end of its claim',
      'worker 1: claims',
      'worker 1: freezes',
      'observer: looks after a long time',
      'worker 1: thaws',
      'observer: declares 1 dead',
      'worker 1: beats',
    ],
  },
];

const smallest = { workers: 1, jobs: 1, mishaps: 1 };

describe('a protocol that lacks a safeguard', () => {
  it.each(holes)('$title', ({ title, left, breaks, size, after }) => {
    const wanted = (invariant: Invariant) => invariant === breaks;
    const { states, counterexample } = explore(size ?? smallest, { left, wanted, after });
    expect(counterexample?.broken).toBe(breaks);
    console.log(`${title} (${states} states):\n  ${counterexample?.trace.join('\n  ')}`);
  });

  it.each(['settleByState', 'leaseForgotten'] as const)(
    'G2: %s alone may be missing: the state in the fence, and a row that forgets its lease, are each enough',
    (rule) => {
      expect(explore(smallest, { left: { [rule]: false } }).counterexample).toBeUndefined();
    },
  );
});
