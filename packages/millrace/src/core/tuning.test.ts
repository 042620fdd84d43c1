import { expect, it } from 'vitest';
import { defaultTuning } from './tuning.ts';

it('a process that beats in time, and is looked at in time, is neither silent nor doubted', () => {
  const { heartbeatMs, lookMs, restMs, silentForMs, longestGapMs, graceMs, doubtMs } =
    defaultTuning;
  expect(silentForMs).toBeGreaterThan(3 * heartbeatMs);
  expect(longestGapMs).toBeGreaterThan(restMs + lookMs);
  expect(doubtMs).toBeGreaterThan(silentForMs + graceMs);
});
