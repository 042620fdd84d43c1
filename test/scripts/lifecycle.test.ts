import { expect, it } from 'vitest';
import {
  jobEvents,
  lifecycle,
  type Transition,
} from '../../packages/millrace/src/core/lifecycle.ts';
import { jobStates, type JobState } from '../../packages/millrace/src/core/job.ts';
import { lifecycleDocument } from '../../scripts/reference/lifecycle.ts';

const document = lifecycleDocument();

it('the document of the life of a job says something about every state and every event', () => {
  const rows = document.match(/^\| \w+ \| (?:becomes|stays|is gone|refused)/gm);
  expect(rows).toHaveLength(jobStates.length * jobEvents.length);
});

/** They would fill the diagram with arrows; a sentence below it tells of each. */
const leftOut = ['cancel', 'retry', 'giveUp', 'reschedule', 'delete'] as const;

it('every arrow between two states stands in the diagram or in the sentence below it', () => {
  for (const state of jobStates) {
    for (const event of jobEvents) {
      const transition = lifecycle[state][event];
      if (!('to' in transition) || leftOut.some((name) => name === event)) continue;
      for (const target of transition.to) {
        expect(document).toMatch(new RegExp(`^  ${state} --> ${target}: .*\\b${event}\\b`, 'm'));
      }
    }
  }
  const whose = (event: (typeof leftOut)[number], is: (transition: Transition) => boolean) =>
    jobStates.filter((state) => is(lifecycle[state][event]));
  const leading = (event: (typeof leftOut)[number], target: JobState) =>
    whose(event, (transition) => 'to' in transition && transition.to.join() === target);
  const waiting: readonly JobState[] = ['scheduled', 'available', 'retryable'];
  expect(leading('cancel', 'cancelled')).toEqual(waiting);
  expect(leading('giveUp', 'discarded')).toEqual(waiting);
  expect(whose('reschedule', (transition) => 'to' in transition)).toEqual(waiting);
  expect(whose('delete', (transition) => 'gone' in transition)).toEqual(
    jobStates.filter((state) => state !== 'running'),
  );
  expect(leading('retry', 'available')).toEqual(
    jobStates.filter((state) => state !== 'available' && state !== 'running'),
  );
});
