import { expect, it } from 'vitest';
import { jobEvents, lifecycle } from '../../packages/millrace/src/core/lifecycle.ts';
import { jobStates } from '../../packages/millrace/src/core/job.ts';
import { lifecycleDocument } from '../../scripts/lifecycle/document.ts';

const document = lifecycleDocument();

it('the document of the life of a job says something about every state and every event', () => {
  const rows = document.match(/^\| \w+ \| (?:becomes|stays|refused)/gm);
  expect(rows).toHaveLength(jobStates.length * jobEvents.length);
});

it('every arrow between two states stands in the diagram or in the sentence below it', () => {
  for (const state of jobStates) {
    for (const event of jobEvents) {
      const transition = lifecycle[state][event];
      if (!('to' in transition) || event === 'cancel' || event === 'retry') continue;
      for (const target of transition.to) {
        expect(document).toMatch(new RegExp(`^  ${state} --> ${target}: .*\\b${event}\\b`, 'm'));
      }
    }
  }
  const leading = (event: 'cancel' | 'retry', to: string) =>
    jobStates.filter((state) => JSON.stringify(lifecycle[state][event]) === `{"to":["${to}"]}`);
  expect(leading('cancel', 'cancelled')).toEqual(['scheduled', 'available', 'retryable']);
  expect(leading('retry', 'available')).toEqual(
    jobStates.filter((state) => state !== 'available' && state !== 'running'),
  );
});
