import { describe, expect, it } from 'vitest';
import type { Duration } from './duration.ts';
import { MillraceError } from './errors.ts';
import { cancel, discard, OutcomeError, outcomeRequest, retryAfter, snooze } from './outcome.ts';

describe('what a handler can ask for', () => {
  // Made inside of the test, so that a mutant of what makes it is at work.
  it.each<[string, () => OutcomeError, object]>([
    ['snooze', () => snooze('5m'), { type: 'snooze', delayMs: 300_000 }],
    [
      'retryAfter',
      () => retryAfter('30s', '429'),
      { type: 'retryAfter', delayMs: 30_000, reason: '429' },
    ],
    [
      'retryAfter without a reason',
      () => retryAfter(0),
      { type: 'retryAfter', delayMs: 0, reason: 'retry asked for by its handler' },
    ],
    ['cancel', () => cancel('sold out'), { type: 'cancel', reason: 'sold out' }],
    [
      'cancel without a reason',
      () => cancel(),
      { type: 'cancel', reason: 'cancelled by its handler' },
    ],
    ['discard', () => discard('no such guest'), { type: 'discard', reason: 'no such guest' }],
    [
      'discard without a reason',
      () => discard(),
      { type: 'discard', reason: 'discarded by its handler' },
    ],
  ])('%s', (_, ask, request) => {
    expect(ask()).toBeInstanceOf(Error);
    expect(outcomeRequest(ask())).toEqual(request);
  });

  it('says by name and message what it is, if somebody takes it for a failure', () => {
    expect(snooze('5m')).toMatchObject({ name: 'OutcomeError', message: 'snoozed by its handler' });
    expect(retryAfter('5m', '429').message).toBe('retry asked for by its handler');
    expect(() => snooze('soon' as Duration)).toThrow('snooze: "soon" is not a duration');
    expect(() => retryAfter('soon' as Duration)).toThrow('retryAfter: "soon" is not a duration');
  });

  it('a malformed delay is refused where it is written', () => {
    const invalid = expect.objectContaining({ code: 'MILLRACE_DURATION_INVALID' }) as unknown;
    expect(() => snooze('soon' as Duration)).toThrow(invalid);
    expect(() => retryAfter(-1)).toThrow(invalid);
  });

  it('a reason is kept as bounded text that the database takes', () => {
    const long = discard('\u0000'.repeat(100_000));
    expect(Buffer.byteLength(long.message)).toBeLessThanOrEqual(2_048);
    expect(long.message).not.toContain('\u0000');
    expect(outcomeRequest(long)).toEqual({ type: 'discard', reason: long.message });
    expect(discard(new Error('no such guest') as unknown as string).message).toBe('no such guest');
    expect(cancel({ why: 1 } as unknown as string).message).toBe('{"why":1}');
  });

  it('is recognized across two copies of the package', async () => {
    const another = './outcome.ts?another';
    const copy = (await import(another)) as typeof import('./outcome.ts');
    expect(copy.OutcomeError).not.toBe(OutcomeError);
    expect(outcomeRequest(copy.snooze('1s'))).toEqual({ type: 'snooze', delayMs: 1_000 });
  });

  it('nothing else is taken for a request, and nothing makes the look fail', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const others = [
      undefined,
      null,
      'snooze',
      { type: 'snooze', delayMs: 1 },
      new Error('OutcomeError'),
      Object.assign(new Error('x'), { name: 'OutcomeError', request: { type: 'snooze' } }),
      new MillraceError('MILLRACE_STOPPED', 'x'),
      proxy,
    ];
    expect(others.map((other) => outcomeRequest(other))).toEqual(others.map(() => undefined));
  });
});
