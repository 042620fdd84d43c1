import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Bag } from './bag.ts';

it('holds what a set would hold, whatever comes and goes', () => {
  const items = Array.from({ length: 8 }, (_, index) => ({ index, place: -1 }));
  const step = fc.record({ add: fc.boolean(), index: fc.nat({ max: 7 }) });
  const run = fc.property(fc.array(step), (steps) => {
    const bag = new Bag<(typeof items)[number]>();
    const set = new Set<(typeof items)[number]>();
    for (const item of items) item.place = -1;
    for (const { add, index } of steps) {
      const item = items[index] ?? { index, place: -1 };
      if (add && !set.has(item)) {
        bag.add(item);
        set.add(item);
      } else if (!add) expect(bag.delete(item)).toBe(set.delete(item));
      expect(bag.size).toBe(set.size);
      expect(new Set(bag.items())).toEqual(set);
      for (const each of items) expect(bag.has(each)).toBe(set.has(each));
    }
  });
  fc.assert(run);
});
