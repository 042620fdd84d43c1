import { expect, it } from 'vitest';
import { isFinished, isJobId, jobStates } from './job.ts';

it.each(['0', '1', '0'.repeat(19), '9223372036854775807'])('%s can name a job', (id) => {
  expect(isJobId(id)).toBe(true);
});

it.each<[unknown]>([
  ['9223372036854775808'],
  ['0'.repeat(20)],
  [''],
  ['-1'],
  ['1.5'],
  ['x1'],
  ['1x'],
  ['1\n'],
  [5],
  [undefined],
])('%j cannot name a job', (id) => {
  expect(isJobId(id as string)).toBe(false);
});

it('a job is finished when it is completed, cancelled or discarded', () => {
  expect(jobStates.filter((state) => isFinished(state))).toEqual([
    'completed',
    'cancelled',
    'discarded',
  ]);
});
