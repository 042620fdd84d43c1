import { expect, it } from 'vitest';
import { heldJob } from '../../../../test/helpers/worker-parts.ts';
import { Hands } from './hands.ts';

function handsWith(concurrency: number, jobs: number): Hands {
  const hands = new Hands({ concurrency, queues: new Map([['default', concurrency]]) });
  const first = heldJob();
  hands.add(first);
  hands.next();
  hands.ended(first, 0.01);
  hands.delete(first);
  for (let i = 0; i < jobs; i++) hands.add(heldJob({ id: String(i) }));
  return hands;
}

it('the next claim has its full size while the jobs of the last one are in hand', () => {
  expect(handsWith(10, 0).room(true)?.limit).toBe(500);
  expect(handsWith(10, 500).room(true)?.limit).toBe(500);
  expect(handsWith(10, 900).room(true)?.limit).toBe(110);
  expect(handsWith(10, 1_010).room(true)).toBeUndefined();
});

it('a claim brings what all slots can take, however many there are', () => {
  expect(handsWith(2_000, 0).room(false)?.limit).toBe(2_000);
  expect(handsWith(2_000, 1_500).room(false)?.limit).toBe(500);
});

it('jobs whose outcomes a claim writes make room for those that it brings', () => {
  const hands = handsWith(10, 1_010);
  expect(hands.space(true, 300)).toBe(300);
  expect(hands.room(true, hands.all().slice(0, 300))?.limit).toBe(300);
});
