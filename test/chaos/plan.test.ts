import { expect, it } from 'vitest';
import { planOf, processFaults, serverFaults, stormsOfCi } from './plan.ts';

const options = { seed: 7, seconds: 60, processes: 6 };

it('a seed always gives the same plan, and another seed another one', () => {
  expect(planOf(options)).toEqual(planOf(options));
  expect(planOf({ ...options, seed: 8 })).not.toEqual(planOf(options));
});

it('a minute is enough for every fault', () => {
  const { lanes, server } = planOf(options);
  const happening = new Set(lanes.flatMap(({ faults }) => faults.map(({ fault }) => fault)));
  expect(happening).toEqual(new Set(processFaults));
  expect(new Set(server.map(({ fault }) => fault))).toEqual(new Set(serverFaults));
});

it.each(stormsOfCi)('seed $seed has a promotion in the first quarter of its storm', (storm) => {
  const { server } = planOf(storm);
  const before = server.slice(0, server.findIndex(({ fault }) => fault === 'promotion') + 1);
  expect(before).not.toEqual([]);
  const atMs = before.reduce((sum, { pauseMs, forMs }) => sum + pauseMs + forMs, 0);
  expect(atMs).toBeLessThan((storm.seconds * 1_000) / 4);
});
