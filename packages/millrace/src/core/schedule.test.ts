import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cron } from './cron.ts';
import type { Duration } from './duration.ts';
import { every, missedRule, planFires, type FireTimes, type MissedPolicy } from './schedule.ts';

const whole = (min: number, max: number) => fc.integer({ min, max });
const anchorMs = 1_000_000;

describe('every', () => {
  const anyInterval = whole(1_000, 10 * 86_400_000).map((ms) => ({ times: every(ms), ms }));
  const anyTime = whole(0, 4_102_444_800_000);

  it('W16: fires at the anchor plus k intervals, without drift over a million fire times', () => {
    const times = every('7s');
    expect(times.next(anchorMs - 1, anchorMs)).toBe(anchorMs);
    expect(times.next(anchorMs, anchorMs)).toBe(anchorMs + 7_000);
    expect(times.next(anchorMs + 7_000 * 1e6 - 1, anchorMs)).toBe(anchorMs + 7_000 * 1e6);
    expect(times.spec).toBe('every 7000ms');
    expect(times.type).toBe('interval');
  });

  it('next lies after, at most an interval away, on the grid and not before the anchor', () => {
    fc.assert(
      fc.property(anyInterval, anyTime, anyTime, ({ times, ms }, after, anchor) => {
        const next = times.next(after, anchor) as number;
        expect(next).toBeGreaterThan(after);
        expect(next).toBeGreaterThanOrEqual(anchor);
        expect((next - anchor) % ms).toBe(0);
        expect(next).toBeLessThanOrEqual(Math.max(after + ms, anchor));
      }),
    );
  });

  it('latest is the last fire time up to the moment itself, or null before the anchor', () => {
    fc.assert(
      fc.property(anyInterval, anyTime, anyTime, ({ times }, at, anchor) => {
        const latest = times.latest(at, anchor);
        expect(latest === null).toBe(at < anchor);
        return (
          latest === null ||
          (latest <= at &&
            (times.next(latest, anchor) ?? 0) > at &&
            times.latest(latest, anchor) === latest)
        );
      }),
    );
  });

  it('refuses less than a second and what is no duration', () => {
    expect(() => every('999ms')).toThrow(
      expect.objectContaining({
        code: 'MILLRACE_OPTION_INVALID',
        message: 'every: 999ms is shorter than one second',
      }),
    );
    expect(() => every('often' as Duration)).toThrow(
      expect.objectContaining({
        code: 'MILLRACE_DURATION_INVALID',
        message: 'every: "often" is not a duration',
      }),
    );
  });
});

describe('missedRule', () => {
  it.each<[MissedPolicy, object]>([
    ['skip', { windowMs: 0, onlyLatest: false }],
    ['once', { windowMs: Number.POSITIVE_INFINITY, onlyLatest: true }],
    [{ all: '2h' }, { windowMs: 7_200_000, onlyLatest: false }],
  ])('%o', (policy, rule) => {
    expect(missedRule(policy)).toEqual(rule);
  });
});

/** What a pass must do, worked out by looking at every fire time since the last one. */
function bruteForce(plan: Parameters<typeof planFires>[0], policy: MissedPolicy) {
  const all: number[] = [];
  for (
    let at = plan.times.next(plan.lastFireMs, plan.anchorMs);
    at !== null && at <= plan.nowMs;
    at = plan.times.next(at, plan.anchorMs)
  ) {
    all.push(at);
  }
  const late = all.filter((at) => plan.nowMs - at <= 30_000);
  const missed = all.filter((at) => plan.nowMs - at > 30_000);
  let fire: number[];
  if (policy === 'skip') fire = late;
  else if (policy === 'once') fire = late.length > 0 ? late : missed.slice(-1);
  else {
    const windowMs = policy.all as number;
    fire = [...missed.filter((at) => plan.nowMs - at <= windowMs), ...late];
  }
  const first = fire[0] ?? Number.POSITIVE_INFINITY;
  return {
    fire: fire.slice(0, 1_000),
    letGoMs: missed.filter((at) => at < first).at(-1) ?? null,
    complete: fire.length < 1_000,
  };
}

const anyPolicy: fc.Arbitrary<MissedPolicy> = fc.oneof(
  fc.constantFrom<MissedPolicy>('skip', 'once'),
  whole(0, 4_000_000).map((all) => ({ all })),
);

/** Passes at these distances from each other; some schedulers sleep for long. */
const anyPasses = fc.array(fc.oneof(whole(0, 3_000), whole(0, 60_000), whole(0, 5_000_000)), {
  minLength: 1,
  maxLength: 12,
});

const anyTimes: fc.Arbitrary<FireTimes> = fc.oneof(
  whole(1_000, 120_000).map((ms) => every(ms)),
  fc
    .constantFrom('* * * * *', '*/7 * * * *', '*/20 * * * * *', '30 2 * * *')
    .map((text) => cron(text, { timeZone: 'Europe/Berlin' })),
);

describe('planFires', () => {
  it('agrees with a model that looks at every fire time', () => {
    fc.assert(
      fc.property(
        anyTimes,
        anyPolicy,
        whole(0, 200_000),
        whole(0, 5_000_000),
        (times, policy, last, past) => {
          const lastFireMs = anchorMs + last;
          const input = {
            times,
            anchorMs,
            lastFireMs,
            nowMs: lastFireMs + past,
            rule: missedRule(policy),
          };
          const { complete, ...expected } = bruteForce(input, policy);
          const { nextMs, ...plan } = planFires(input);
          expect(plan).toEqual(expected);
          expect(nextMs).toBe(complete ? times.next(input.nowMs, anchorMs) : input.nowMs);
        },
      ),
      { numRuns: 200 },
    );
  });

  /** Every fire time that a row of passes fires and lets go, each pass beginning where the one before ended. */
  function walk(times: FireTimes, policy: MissedPolicy, pauses: readonly number[]) {
    const passes: { nowMs: number; fire: readonly number[]; letGoMs: number | null }[] = [];
    let lastFireMs = anchorMs;
    let nowMs = anchorMs;
    for (const pauseMs of pauses) {
      nowMs += pauseMs;
      const plan = planFires({ times, anchorMs, lastFireMs, nowMs, rule: missedRule(policy) });
      lastFireMs = plan.fire.at(-1) ?? plan.letGoMs ?? lastFireMs;
      passes.push({ nowMs, ...plan });
    }
    return passes;
  }

  it('G11: fires no time twice, in ascending order, and none before it has come', () => {
    fc.assert(
      fc.property(anyTimes, anyPolicy, anyPasses, (times, policy, pauses) => {
        const passes = walk(times, policy, pauses);
        const fired = passes.flatMap(({ fire }) => fire);
        expect(fired).toEqual([...new Set(fired)].toSorted((a, b) => a - b));
        for (const { fire, nowMs } of passes) expect(fire.at(-1) ?? 0).toBeLessThanOrEqual(nowMs);
      }),
      { numRuns: 100 },
    );
  });

  it('G12: every fire time is fired or let go, and only missed ones are let go', () => {
    fc.assert(
      fc.property(anyTimes, anyPolicy, anyPasses, (times, policy, pauses) => {
        const passes = walk(times, policy, pauses);
        for (const { letGoMs, fire, nowMs } of passes) {
          if (letGoMs === null) continue;
          expect(nowMs - letGoMs).toBeGreaterThan(30_000);
          expect(letGoMs).toBeLessThan(fire[0] ?? Number.POSITIVE_INFINITY);
        }
        const last = passes.at(-1);
        const reached = last?.fire.at(-1) ?? last?.letGoMs ?? null;
        const isDone = last !== undefined && reached !== null && last.fire.length < 1_000;
        return !isDone || (times.next(reached, anchorMs) as number) > last.nowMs;
      }),
      { numRuns: 100 },
    );
  });

  it('G12: under all(window) nothing within the window is lost, in as many passes as it takes', () => {
    const times = every('1s');
    const windowMs = 3_600_000;
    let lastFireMs = anchorMs;
    const nowMs = anchorMs + 10_000_000;
    const fired: number[] = [];
    for (let pass = 0; pass < 5; pass++) {
      const plan = planFires({
        times,
        anchorMs,
        lastFireMs,
        nowMs,
        rule: missedRule({ all: windowMs }),
      });
      expect(plan.fire.length).toBeLessThanOrEqual(1_000);
      expect(plan.nextMs).toBe(pass < 3 ? nowMs : nowMs + 1_000);
      fired.push(...plan.fire);
      lastFireMs = plan.fire.at(-1) ?? lastFireMs;
    }
    expect(fired).toEqual(
      Array.from({ length: 3_601 }, (_, index) => nowMs - windowMs + index * 1_000),
    );
  });

  it('a fire time 30 s late is late and fires whatever the policy; a millisecond more, and it is missed', () => {
    const times = every('1h');
    const due = anchorMs + 3_600_000;
    const plan = (lateMs: number) =>
      planFires({
        times,
        anchorMs,
        lastFireMs: anchorMs,
        nowMs: due + lateMs,
        rule: missedRule('skip'),
      });
    expect(plan(30_000)).toEqual({ fire: [due], letGoMs: null, nextMs: due + 3_600_000 });
    expect(plan(30_001)).toEqual({ fire: [], letGoMs: due, nextMs: due + 3_600_000 });
  });

  it('a last fire time in the future, after a clock that stepped back, fires nothing until then', () => {
    const times = every('10s');
    const lastFireMs = anchorMs + 100_000;
    const plan = planFires({
      times,
      anchorMs,
      lastFireMs,
      nowMs: anchorMs + 55_000,
      rule: missedRule('once'),
    });
    expect(plan).toEqual({ fire: [], letGoMs: null, nextMs: lastFireMs + 10_000 });
  });

  it('fire times that end are no reason to look again', () => {
    const once: FireTimes = {
      type: 'cron',
      spec: 'once',
      next: (after) => (after < 5_000 ? 5_000 : null),
      latest: (at) => (at >= 5_000 ? 5_000 : null),
    };
    const plan = (nowMs: number, lastFireMs: number) =>
      planFires({ times: once, anchorMs: 0, lastFireMs, nowMs, rule: missedRule('once') });
    expect(plan(5_000, 0)).toEqual({ fire: [5_000], letGoMs: null, nextMs: null });
    expect(plan(90_000_000, 0)).toEqual({ fire: [5_000], letGoMs: null, nextMs: null });
    expect(plan(90_000_000, 5_000)).toEqual({ fire: [], letGoMs: null, nextMs: null });
    expect(plan(1_000, 0)).toEqual({ fire: [], letGoMs: null, nextMs: 5_000 });
  });

  it('under once a fire time that is just late stands for those that were missed before it', () => {
    const nowMs = 10 * 60_000 + 30_000;
    const input = { times: every('1m'), anchorMs: 0, lastFireMs: 0, nowMs };
    const plan = planFires({ ...input, rule: missedRule('once') });
    expect(plan).toEqual({ fire: [600_000], letGoMs: 540_000, nextMs: 660_000 });
  });

  it('the window of all is a duration', () => {
    expect(() => missedRule({ all: 'x' as Duration })).toThrow('missed.all: "x"');
  });

  it.each<MissedPolicy>(['skip', 'once', { all: '36500d' }])(
    'W17: a schedule that was down for 50 years costs a bounded look, under %o',
    (policy) => {
      let calls = 0;
      const base = every('1s');
      const counted: FireTimes = {
        ...base,
        next: (after, anchor) => (calls++, base.next(after, anchor)),
        latest: (at, anchor) => (calls++, base.latest(at, anchor)),
      };
      const nowMs = anchorMs + 50 * 365 * 86_400_000;
      const plan = planFires({
        times: counted,
        anchorMs,
        lastFireMs: anchorMs,
        nowMs,
        rule: missedRule(policy),
      });
      expect(plan.fire.length).toBeLessThanOrEqual(1_000);
      expect(calls).toBeLessThanOrEqual(1_100);
    },
  );
});
