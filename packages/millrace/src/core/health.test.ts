import { expect, it } from 'vitest';
import { HealthRecord } from './health.ts';

function record() {
  let nowMs = 0;
  const health = new HealthRecord({ monotonicMs: () => nowMs, after: () => () => {} });
  const fail = (loop: string) =>
    health.hear({
      name: 'loop:failed',
      data: { loop, error: { name: 'Error', message: 'no\nluck' } },
      atMs: 0,
    });
  return { health, fail, pass: (ms: number) => (nowMs += ms) };
}

it('W19: a loop that fails is counted, and red with its reason in one line until it succeeds', () => {
  const { health, fail } = record();
  fail('rescue');
  fail('rescue');
  expect(health.report([])).toEqual({
    ok: false,
    reasons: ['rescue fails: no luck'],
    loops: { rescue: { sinceSuccessMs: null, failures: 2 } },
  });
  health.passed('rescue', 500);
  expect(health.report([])).toMatchObject({ ok: true, loops: { rescue: { failures: 2 } } });
});

it('a loop that does not come round is red a minute after it was due, unless it has stopped', () => {
  const { health, pass } = record();
  health.passed('rescue', 500);
  pass(60_500);
  expect(health.report([])).toMatchObject({ ok: true });
  pass(1_000);
  expect(health.report([]).reasons).toEqual(['rescue is late by 61 s']);
  health.passed('rescue', Number.POSITIVE_INFINITY);
  expect(health.report([])).toMatchObject({ ok: true });
});

it('the failure of a single job in the background is not the health of the process', () => {
  const { health, fail } = record();
  fail('retry policy of mail');
  expect(health.report([])).toEqual({ ok: true, reasons: [], loops: {} });
});
