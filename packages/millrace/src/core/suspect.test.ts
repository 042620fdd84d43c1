import { describe, expect, it } from 'vitest';
import { isSuspect, patienceMs, quarantine } from './suspect.ts';

describe('a suspect', () => {
  it.each([
    [0, false],
    [1, false],
    [2, true],
    [3, true],
  ])('A8: after %i crashes: %s', (crashes, expected) => {
    expect(isSuspect({ crashes })).toBe(expected);
  });
});

describe('the patience of a suspect', () => {
  const at = (seconds: number) => Date.UTC(2026, 0, 1) + seconds * 1_000;
  const patience = (createdMs: number, scheduledMs: number, claimedMs: number) =>
    patienceMs({ createdMs, scheduledMs, claimedMs }, 10_000);

  it('A8: is never less than the least', () => {
    expect(patience(at(0), at(0), at(0))).toBe(10_000);
    expect(patience(at(0), at(0), at(99))).toBe(10_000);
    // The server's clock was set back in between.
    expect(patience(at(0), at(0), at(-500))).toBe(10_000);
  });

  it('A8: grows with the time since the job became due, to a tenth of it', () => {
    expect(patience(at(0), at(0), at(1_000))).toBe(100_000);
    expect(patience(at(0), at(5_000), at(6_000))).toBe(100_000);
  });

  it('A8: does not count the time before the job was enqueued', () => {
    expect(patience(at(0), 0, at(1_000))).toBe(100_000);
  });

  it('A8: outgrows any handler, however often the suspect is put off', () => {
    const handlerMs = 24 * 3_600_000;
    let agedMs = 0;
    let times = 0;
    for (let leftMs = 0; leftMs < handlerMs; times++) {
      leftMs = patience(at(0), at(0), at(agedMs / 1_000));
      // It waits in vain, and then as long again.
      agedMs += 2 * leftMs;
    }
    expect(times).toBeLessThan(60);
  });
});

it('A8: a quarantined job says what it did, with a stable code', () => {
  expect(quarantine.reason).toContain('ended its process 3 times');
  expect(quarantine.error.code).toBe('MILLRACE_JOB_QUARANTINED');
});

it('A8: what a suspect ends with says that the third crash was its own', () => {
  expect(quarantine).toEqual({
    reason: 'it ended its process 3 times, the last time while it ran alone',
    error: {
      name: 'MillraceError',
      message:
        'its process ended 3 times with this job in hand, the last time with nothing else in it',
      code: 'MILLRACE_JOB_QUARANTINED',
    },
  });
});
