import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFinished, jobStates, type JobState } from './job.ts';
import {
  jobEvents,
  leavesTrace,
  lifecycle,
  settle,
  waitingState,
  type HistoryPolicy,
  type JobEvent,
  type Outcome,
  type Settlement,
} from './lifecycle.ts';

// Written out by hand, in the order of the events: the states an event leads to, `=` the state stays, `×` the
// job is gone, `!` refused.
const expected: Record<JobState, Record<JobEvent, string>> = {
  scheduled: {
    due: 'available',
    claim: '!',
    complete: '!',
    fail: '!',
    snooze: '!',
    discard: '!',
    giveBack: '!',
    rescue: '!',
    cancel: 'cancelled',
    cancelled: '!',
    retry: 'available',
    run: 'running',
    giveUp: 'discarded',
    reschedule: 'available scheduled',
    edit: '=',
    delete: '×',
  },
  available: {
    due: '=',
    claim: 'running',
    complete: '!',
    fail: '!',
    snooze: '!',
    discard: '!',
    giveBack: '!',
    rescue: '!',
    cancel: 'cancelled',
    cancelled: '!',
    retry: '=',
    run: 'running',
    giveUp: 'discarded',
    reschedule: 'available retryable scheduled',
    edit: '=',
    delete: '×',
  },
  running: {
    due: '=',
    claim: '!',
    complete: 'completed',
    fail: 'available cancelled discarded retryable',
    snooze: 'available cancelled retryable scheduled',
    discard: 'discarded',
    giveBack: 'available cancelled retryable scheduled',
    rescue: 'available cancelled discarded retryable scheduled',
    cancel: '=',
    cancelled: 'cancelled',
    retry: '!',
    run: '!',
    giveUp: '!',
    reschedule: '!',
    edit: '!',
    delete: '!',
  },
  retryable: {
    due: 'available',
    claim: '!',
    complete: '!',
    fail: '!',
    snooze: '!',
    discard: '!',
    giveBack: '!',
    rescue: '!',
    cancel: 'cancelled',
    cancelled: '!',
    retry: 'available',
    run: 'running',
    giveUp: 'discarded',
    reschedule: 'available retryable',
    edit: '=',
    delete: '×',
  },
  completed: {
    due: '=',
    claim: '!',
    complete: '!',
    fail: '!',
    snooze: '!',
    discard: '!',
    giveBack: '!',
    rescue: '!',
    cancel: '=',
    cancelled: '!',
    retry: 'available',
    run: '!',
    giveUp: '=',
    reschedule: '!',
    edit: '!',
    delete: '×',
  },
  cancelled: {
    due: '=',
    claim: '!',
    complete: '!',
    fail: '!',
    snooze: '!',
    discard: '!',
    giveBack: '!',
    rescue: '!',
    cancel: '=',
    cancelled: '!',
    retry: 'available',
    run: '!',
    giveUp: '=',
    reschedule: '!',
    edit: '!',
    delete: '×',
  },
  discarded: {
    due: '=',
    claim: '!',
    complete: '!',
    fail: '!',
    snooze: '!',
    discard: '!',
    giveBack: '!',
    rescue: '!',
    cancel: '=',
    cancelled: '!',
    retry: 'available',
    run: '!',
    giveUp: '=',
    reschedule: '!',
    edit: '!',
    delete: '×',
  },
};

function brief(state: JobState, event: JobEvent): string {
  const transition = lifecycle[state][event];
  if ('to' in transition) return transition.to.toSorted().join(' ');
  if ('gone' in transition) return '×';
  return 'stays' in transition ? '=' : '!';
}

const pairs = jobStates.flatMap((state) => jobEvents.map((event) => ({ state, event })));

describe('the table of a life', () => {
  it.each(pairs)('a job that is $state meets $event as written', ({ state, event }) => {
    expect(brief(state, event)).toBe(expected[state][event]);
  });

  it('every pair that changes nothing says why', () => {
    const silent = pairs.filter(({ state, event }) =>
      Object.values(
        lifecycle[state][event] as Record<string, string | readonly JobState[] | true>,
      ).some((value) => value !== true && value.length === 0),
    );
    expect(silent).toEqual([]);
  });

  it('a finished job is left through retry alone, and every state can be reached', () => {
    const edges = pairs.flatMap(({ state, event }) => {
      const transition = lifecycle[state][event];
      return 'to' in transition ? transition.to.map((to) => ({ state, event, to })) : [];
    });
    expect([
      ...new Set(edges.filter(({ state }) => isFinished(state)).map(({ event }) => event)),
    ]).toEqual(['retry']);
    expect(new Set(edges.map(({ to }) => to))).toEqual(new Set(jobStates));
  });
});

const error = { name: 'Error', message: 'refused' };
const histories: HistoryPolicy[] = ['all', 'failures', 'none'];
const outcomes: Outcome[] = [
  { type: 'complete', result: { sent: 1 } },
  { type: 'retry', error, delay: { ms: 5, from: 'due' } },
  { type: 'snooze', delayMs: 7 },
  { type: 'cancel', reason: 'no longer wanted' },
  { type: 'cancel', reason: 'stopped', error },
  { type: 'discard', reason: 'hopeless' },
  { type: 'discard', reason: 'hopeless', error },
  { type: 'giveBack' },
];

/** What the outcome must lead to, said a second time and in other words than the code. */
function expectedSettlement(
  outcome: Outcome,
  last: boolean,
  history: HistoryPolicy,
  attempt: number,
): Settlement {
  const keep = { completed: history === 'all', other: history !== 'none' };
  const end = { type: 'finish', result: null, reason: null, error: null } as const;
  switch (outcome.type) {
    case 'complete':
      return { ...end, state: 'completed', result: { sent: 1 }, keep: keep.completed };
    case 'cancel':
    case 'discard': {
      const state = outcome.type === 'cancel' ? 'cancelled' : 'discarded';
      return {
        ...end,
        state,
        reason: outcome.reason,
        error: outcome.error ?? null,
        keep: keep.other,
      };
    }
    case 'snooze':
      return { type: 'wait', delay: { ms: 7, from: 'now' }, attemptCounts: false, error: null };
    case 'giveBack':
      return { type: 'giveBack' };
    case 'retry':
      return last
        ? {
            ...end,
            state: 'discarded',
            reason: `attempt ${attempt} of 3 failed`,
            error,
            keep: keep.other,
          }
        : { type: 'wait', delay: { ms: 5, from: 'due' }, attemptCounts: true, error };
  }
}

describe('settle', () => {
  const cases = outcomes.flatMap((outcome) =>
    [1, 2, 3, 4].flatMap((attempt) => histories.map((history) => ({ outcome, attempt, history }))),
  );

  it.each(cases)(
    '$outcome.type at attempt $attempt of 3 with history $history',
    ({ outcome, attempt, history }) => {
      expect(settle(outcome, { attempt, maxAttempts: 3 }, history)).toEqual(
        expectedSettlement(outcome, attempt >= 3, history, attempt),
      );
    },
  );
});

describe('the state of a waiting job', () => {
  it.each([
    { attempt: 0, dueInMs: 1, state: 'scheduled' },
    { attempt: 3, dueInMs: 1, state: 'retryable' },
    { attempt: 0, dueInMs: 0, state: 'available' },
    { attempt: 3, dueInMs: -1, state: 'available' },
  ])('attempt $attempt, due in $dueInMs ms: $state', ({ attempt, dueInMs, state }) => {
    expect(waitingState({ attempt, dueInMs })).toBe(state);
  });
});

/** A job in memory that obeys the table and `settle`, as storage does in SQL. */
interface Model {
  state: JobState;
  attempt: number;
  maxAttempts: number;
  cancelRequested: boolean;
}

const eventOf: Record<Outcome['type'], JobEvent> = {
  complete: 'complete',
  retry: 'fail',
  snooze: 'snooze',
  cancel: 'cancelled',
  discard: 'discard',
  giveBack: 'giveBack',
};

function settled(job: Model, outcome: Outcome, dueInMs: number): Model {
  const settlement = settle(outcome, job, 'all');
  const after = { ...job, cancelRequested: false };
  if (settlement.type === 'finish') return { ...after, state: settlement.state };
  const counts = settlement.type === 'wait' && settlement.attemptCounts;
  const attempt = counts ? job.attempt : job.attempt - 1;
  if (job.cancelRequested) return { ...after, state: 'cancelled', attempt };
  const delay = settlement.type === 'wait' ? dueInMs : 0;
  return { ...after, state: waitingState({ attempt, dueInMs: delay }), attempt };
}

type Step = { event: 'due' | 'claim' | 'rescue' | 'cancel' | 'retry' } | { outcome: Outcome };

function apply(job: Model, step: Step, dueInMs: number): { event: JobEvent; next: Model } {
  if ('outcome' in step) {
    return { event: eventOf[step.outcome.type], next: settled(job, step.outcome, dueInMs) };
  }
  const { event } = step;
  return { event, next: changed(job, event) };
}

function changed(job: Model, event: 'due' | 'claim' | 'rescue' | 'cancel' | 'retry'): Model {
  switch (event) {
    case 'due':
      return { ...job, state: 'available' };
    case 'claim':
      return { ...job, state: 'running', attempt: job.attempt + 1 };
    case 'rescue':
      return settled(job, { type: 'giveBack' }, 0);
    case 'cancel':
      if (job.state === 'running') return { ...job, cancelRequested: true };
      return isFinished(job.state) ? job : { ...job, state: 'cancelled' };
    case 'retry':
      return {
        ...job,
        state: 'available',
        maxAttempts: Math.max(job.maxAttempts, job.attempt + 1),
      };
  }
}

describe('an outcome whose answer was lost', () => {
  const job = { attempt: 1, maxAttempts: 2 };
  const delay = { ms: 0, from: 'now' } as const;

  it.each<[Outcome, HistoryPolicy, boolean]>([
    [{ type: 'complete', result: null }, 'all', true],
    [{ type: 'complete', result: null }, 'failures', false],
    [{ type: 'complete', result: null }, 'none', false],
    [{ type: 'cancel', reason: '' }, 'none', true],
    [{ type: 'discard', reason: '' }, 'none', true],
    [{ type: 'retry', error, delay }, 'none', true],
    [{ type: 'snooze', delayMs: 0 }, 'all', false],
    [{ type: 'giveBack' }, 'all', false],
  ])('%j with the history of %s is found again: %s', (outcome, history, isFound) => {
    expect(leavesTrace(settle(outcome, job, history))).toBe(isFound);
  });
});

describe('a whole life', () => {
  const steps = fc.oneof(
    fc.constantFrom<Step>(
      { event: 'due' },
      { event: 'claim' },
      { event: 'claim' },
      { event: 'rescue' },
      { event: 'cancel' },
      { event: 'retry' },
    ),
    fc.constantFrom<Outcome>(...outcomes).map((outcome): Step => ({ outcome })),
  );

  it('G9: never leaves a finished state except by retry, never runs more attempts than it may, and uses none for snooze, rescue and give-back', () => {
    const life = fc.array(fc.tuple(steps, fc.constantFrom(0, 60_000)), { maxLength: 60 });
    fc.assert(
      fc.property(life, fc.integer({ min: 1, max: 4 }), (moves, maxAttempts) => {
        let job: Model = { state: 'available', attempt: 0, maxAttempts, cancelRequested: false };
        for (const [step, dueInMs] of moves) {
          const { event, next } = apply(job, step, dueInMs);
          const transition = lifecycle[job.state][event];
          if (!('to' in transition)) {
            // Only a request to cancel leaves a trace without a change of state.
            if ('stays' in transition && event === 'cancel') job = next;
            continue;
          }
          expect(transition.to).toContain(next.state);
          expect(isFinished(job.state) && event !== 'retry').toBe(false);
          expect(next.attempt).toBeLessThanOrEqual(next.maxAttempts);
          expect(next.attempt).toBeGreaterThanOrEqual(0);
          const givesBack = ['snooze', 'rescue', 'giveBack'].includes(event);
          expect(givesBack && next.attempt !== job.attempt - 1).toBe(false);
          job = next;
        }
      }),
      { numRuns: 300 },
    );
  });
});

it('the table says why an event is refused or changes nothing, and what is gone is gone', () => {
  const said = Object.values(lifecycle)
    .flatMap((row) => Object.values(row))
    .filter((transition) => !('to' in transition))
    .map((transition) => Object.values(transition)[0] as unknown);
  const unsaid = said.filter((one) => one !== true && !(typeof one === 'string' && one.length > 5));
  expect(said.length).toBeGreaterThan(0);
  expect(unsaid).toEqual([]);
});
