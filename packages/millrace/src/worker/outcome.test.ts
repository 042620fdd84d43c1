import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emitted, heldJob } from '../../../../test/helpers/worker-parts.ts';
import { MillraceError } from '../core/errors.ts';
import type { ClaimedJob } from '../core/job.ts';
import { cancel, discard, retryAfter, snooze } from '../core/outcome.ts';
import { delays, type RetryPolicy } from '../core/retry.ts';
import type { Interruption } from './held-job.ts';
import { outcomeOf, type Ended } from './outcome.ts';

const reasons: Record<Interruption, MillraceError> = {
  cancelled: new MillraceError('MILLRACE_JOB_CANCELLED', 'no longer wanted'),
  'timed out': new MillraceError('MILLRACE_ATTEMPT_TIMEOUT', 'too long'),
  stopped: new MillraceError('MILLRACE_STOPPED', 'the worker stops'),
  lost: new MillraceError('MILLRACE_LEASE_LOST', 'lost'),
};

function judge(
  ended: Ended,
  options: {
    readonly interruptions?: readonly Interruption[];
    readonly retry?: RetryPolicy;
    readonly job?: Partial<ClaimedJob>;
    readonly abandoned?: boolean;
  } = {},
) {
  const held = heldJob(options.job, { retry: options.retry ?? delays(['1s'], { jitter: 0 }) });
  for (const why of options.interruptions ?? []) held.interrupt(why, reasons[why]);
  held.abandoned = options.abandoned ?? false;
  const { emit, named } = emitted();
  const outcome = outcomeOf(ended, held, { emit, random: () => 0.5, resultMaxBytes: 100 });
  return { outcome, named };
}

const broken = new TypeError('broken');

describe('what an attempt came to', () => {
  it.each<[string, Ended, object]>([
    ['a value', { returned: { sent: 1 } }, { type: 'complete', result: { sent: 1 } }],
    ['nothing', { returned: undefined }, { type: 'complete', result: null }],
    [
      'an error',
      { thrown: broken },
      { type: 'retry', error: { name: 'TypeError' }, delay: { ms: 1_000, from: 'now' } },
    ],
    [
      'something that is no error',
      { thrown: 'oops' },
      { type: 'retry', error: { name: 'string', message: 'oops' } },
    ],
    ['a thrown snooze', { thrown: snooze('5m') }, { type: 'snooze', delayMs: 300_000 }],
    ['a returned snooze', { returned: snooze('5m') }, { type: 'snooze', delayMs: 300_000 }],
    [
      'a retry asked for',
      { thrown: retryAfter('7s', broken) },
      { type: 'retry', error: { message: 'broken' }, delay: { ms: 7_000, from: 'now' } },
    ],
    ['a cancel', { returned: cancel('why not') }, { type: 'cancel', reason: 'why not' }],
    ['a discard', { thrown: discard('hopeless') }, { type: 'discard', reason: 'hopeless' }],
  ])('%s', (_what, ended, expected) => {
    expect(judge(ended).outcome).toMatchObject(expected);
  });

  it.each<[Interruption, Ended, object | null]>([
    [
      'cancelled',
      { thrown: broken },
      { type: 'cancel', reason: 'no longer wanted', error: { name: 'TypeError' } },
    ],
    ['cancelled', { returned: 1 }, { type: 'complete', result: 1 }],
    ['stopped', { thrown: broken }, { type: 'giveBack' }],
    ['stopped', { returned: 1 }, { type: 'complete', result: 1 }],
    [
      'timed out',
      { thrown: broken },
      { type: 'retry', error: { code: 'MILLRACE_ATTEMPT_TIMEOUT', cause: { name: 'TypeError' } } },
    ],
    ['timed out', { returned: 1 }, { type: 'retry', error: { code: 'MILLRACE_ATTEMPT_TIMEOUT' } }],
    ['timed out', { thrown: discard('hopeless') }, { type: 'discard' }],
    ['lost', { thrown: broken }, null],
    ['lost', { returned: 1 }, null],
    ['lost', { returned: snooze(1) }, null],
  ])('after it was %s: %o', (why, ended, expected) => {
    const { outcome } = judge(ended, { interruptions: [why] });
    if (expected === null) expect(outcome).toBeNull();
    else expect(outcome).toMatchObject(expected);
  });

  it('a handler that throws the reason of its signal has obeyed: there is no error to keep', () => {
    for (const thrown of [reasons.cancelled, new DOMException('aborted', 'AbortError')]) {
      const { outcome } = judge({ thrown }, { interruptions: ['cancelled'] });
      expect(outcome).toEqual({ type: 'cancel', reason: 'no longer wanted' });
    }
  });

  it('the first interruption counts, but a lost lease outdoes them all', () => {
    const both = judge({ thrown: broken }, { interruptions: ['cancelled', 'stopped'] });
    expect(both.outcome).toMatchObject({ type: 'cancel' });
    expect(judge({ thrown: broken }, { interruptions: ['cancelled', 'lost'] }).outcome).toBeNull();
  });

  it('a job that was given back already has no outcome', () => {
    expect(judge({ returned: 1 }, { abandoned: true }).outcome).toBeNull();
  });

  it.each([
    ['what JSON cannot carry', new Map()],
    ['too much', 'x'.repeat(101)],
    ['more bytes than characters', 'ü'.repeat(60)],
    ['a NUL character', 'a\u0000'],
    ['an error', new Error('returned by mistake')],
  ])('a result of %s is dropped and reported; the job has completed', (_what, returned) => {
    const { outcome, named } = judge({ returned });
    expect(outcome).toEqual({ type: 'complete', result: null });
    expect(named('attempt:result-dropped')).toMatchObject([
      { error: { code: 'MILLRACE_RESULT_INVALID' } },
    ]);
  });

  it('a request of a kind that this release does not know is a failure', () => {
    const request = snooze(1);
    Object.assign(request, { request: { type: 'teleport' } });
    expect(judge({ thrown: request }).outcome).toMatchObject({
      type: 'retry',
      error: { code: 'MILLRACE_HANDLER_OUTCOME_INVALID' },
    });
  });
});

describe('the delay after a failure', () => {
  it('comes from the policy of the job before that of its definition', () => {
    const policy = { retry: delays(['9s'], { jitter: 0 }) };
    const { outcome } = judge({ thrown: broken }, { job: { policy } });
    expect(outcome).toMatchObject({ delay: { ms: 9_000, from: 'now' } });
  });

  it('G7: a policy that throws, or answers with no duration, holds the failure not back', () => {
    const retries: RetryPolicy[] = [
      () => {
        throw new Error('in the policy');
      },
      () => Number.NaN,
      { ...delays(['1s']), type: 'delays', delaysMs: ['soon'] as unknown as number[] },
    ];
    for (const retry of retries) {
      const held = heldJob({ policy: typeof retry === 'function' ? {} : { retry } });
      if (typeof retry === 'function')
        Object.assign(held, { settings: { ...held.settings, retry } });
      const { emit, named } = emitted();
      const outcome = outcomeOf({ thrown: broken }, held, {
        emit,
        random: () => 0.5,
        resultMaxBytes: 1,
      });
      expect(outcome).toMatchObject({ type: 'retry', delay: { ms: 15_000, from: 'now' } });
      expect(named('loop:failed')).toMatchObject([{ loop: 'retry policy of test' }]);
    }
  });
});

it('never throws, and never answers with null while the lease is there', () => {
  const interruption = fc.constantFrom<Interruption>('cancelled', 'timed out', 'stopped');
  const ended = fc.oneof(
    fc
      .anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true })
      .map((returned) => ({ returned })),
    fc.anything({ withBigInt: true, withSparseArray: true }).map((thrown) => ({ thrown })),
  );
  fc.assert(
    fc.property(ended, fc.array(interruption, { maxLength: 3 }), (how, interruptions) => {
      expect(judge(how, { interruptions }).outcome).not.toBeNull();
    }),
  );
});
