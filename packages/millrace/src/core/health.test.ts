import { describe, expect, it } from 'vitest';
import type { MillraceEvent } from './events.ts';
import { HealthRecord } from './health.ts';

const error = { name: 'Error', message: 'no\n  luck' };

function record() {
  let nowMs = 0;
  const health = new HealthRecord({ monotonicMs: () => nowMs, after: () => () => {} });
  const fail = (loop: string) =>
    health.hear({
      name: 'loop:failed',
      data: { loop, error },
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

describe('what happens in a process', () => {
  const claimFailed = {
    name: 'claim:failed',
    data: { worker: 1, cause: 'other', error },
    atMs: 0,
  } as const;
  const lost = { name: 'listener:lost', data: { error }, atMs: 0 } as unknown as MillraceEvent;
  const ready = { name: 'listener:ready', data: {}, atMs: 0 } as unknown as MillraceEvent;

  it.each(['claim:taken', 'claim:empty'] as const)('failing claims are red until %s', (name) => {
    const { health } = record();
    health.hear(claimFailed);
    expect(health.report([]).reasons).toEqual(['claim fails: no luck']);
    health.hear({ name, data: { worker: 1, jobs: 1, durationMs: 1 }, atMs: 0 } as MillraceEvent);
    expect(health.report([])).toEqual({
      ok: true,
      reasons: [],
      loops: { claim: { sinceSuccessMs: 0, failures: 1 } },
    });
  });

  it('says how long ago a loop last succeeded', () => {
    const { health, pass } = record();
    pass(100);
    health.passed('rescue', 500);
    pass(25);
    expect(health.report([]).loops).toEqual({ rescue: { sinceSuccessMs: 25, failures: 0 } });
  });

  it('without notifications it is red until they arrive again', () => {
    const { health } = record();
    health.hear(lost);
    expect(health.report([]).reasons).toEqual(['no notifications arrive: no luck']);
    health.hear(ready);
    expect(health.report([]).ok).toBe(true);
  });

  it('is heard where it says something of health, and costs nothing elsewhere', () => {
    const { health } = record();
    for (const { name } of [claimFailed, lost, ready]) expect(health.wants(name)).toBe(true);
    expect(health.wants('loop:failed')).toBe(true);
    expect(health.wants('claim:taken')).toBe(true);
    expect(health.wants('claim:empty')).toBe(true);
    expect(health.wants('attempt:started')).toBe(false);
  });

  it.each(['partitions', 'rescue', 'unserved', 'scheduler'])(
    '%s is a loop of every process',
    (loop) => {
      const { health, fail } = record();
      fail(loop);
      expect(health.report([]).reasons).toEqual([`${loop} fails: no luck`]);
    },
  );
});

it('a reason is one line of at most 300 characters', () => {
  const { health } = record();
  const message = ` a\r\n${'b'.repeat(400)}`;
  health.hear({
    name: 'claim:failed',
    data: { worker: 1, cause: 'other', error: { ...error, message } },
    atMs: 0,
  });
  expect(health.report([]).reasons).toEqual([`claim fails: a ${'b'.repeat(298)}`]);
});

describe('a database that is asked', () => {
  const asked = async (verify: () => Promise<void>) => (await record().health.ask(verify)).reasons;

  it('is well when it answers', async () => {
    expect(await asked(async () => {})).toEqual([]);
  });

  it.each([
    [new Error('gone\naway'), 'gone away'],
    ['gone', 'unknown'],
  ])('is not when it refuses with %o', async (refusal, reason) => {
    expect(await asked(() => Promise.reject(refusal as Error))).toEqual([reason]);
  });

  it('is not when it says nothing within 2 s, and nobody waits longer', async () => {
    const delays: number[] = [];
    const health = new HealthRecord({
      monotonicMs: () => 0,
      after: (delayMs, late) => {
        delays.push(delayMs);
        queueMicrotask(late);
        return () => {};
      },
    });
    const { ok, reasons } = await health.ask(() => new Promise(() => {}));
    expect([ok, reasons]).toEqual([false, ['the database does not answer within 2 s']]);
    expect(delays).toEqual([2_000]);
  });

  it('leaves no timer behind when it answers', async () => {
    let cancelled = 0;
    const health = new HealthRecord({ monotonicMs: () => 0, after: () => () => cancelled++ });
    await health.ask(async () => {});
    expect(cancelled).toBe(1);
  });
});
