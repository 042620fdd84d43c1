import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cron } from './cron.ts';
import { defineJob, type JobOptions } from './job-definition.ts';
import { defaults } from './options.ts';
import { exponential } from './retry.ts';
import { every } from './schedule.ts';

/** Defines a job from options that the compiler would refuse. */
const define = (options: unknown) => defineJob(options as JobOptions<string, undefined, undefined>);
const failing = (code: unknown, message: string) =>
  expect.objectContaining({
    code,
    message: expect.stringContaining(message) as unknown,
  }) as unknown;

describe('defineJob', () => {
  it('W20: a kind is enough; everything else has a default', () => {
    const { kind, settings } = defineJob({ kind: 'purge-tokens' });
    expect(kind).toBe('purge-tokens');
    expect(settings).toEqual({
      codec: settings.codec,
      version: 1,
      upgrade: new Map(),
      queue: 'default',
      priority: 0,
      maxAttempts: 20,
      retry: defaults.retry,
      timeoutMs: undefined,
      history: 'all',
      transaction: undefined,
      schedules: [],
      use: [],
      handler: undefined,
    });
    expect(settings.codec.encode(undefined)).toEqual({});
  });

  it('keeps what it is told', () => {
    const handler = () => undefined;
    const { settings } = defineJob({
      kind: 'send-email',
      payload: z.object({ to: z.string() }),
      queue: 'mail',
      priority: 5,
      maxAttempts: 3,
      retry: exponential({ first: '1m' }),
      timeout: '30s',
      history: 'failures',
      transaction: { isolation: 'serializable' },
      handler,
    });
    expect(settings).toMatchObject({
      queue: 'mail',
      priority: 5,
      maxAttempts: 3,
      retry: { firstMs: 60_000 },
      timeoutMs: 30_000,
      history: 'failures',
      transaction: 'serializable',
      handler,
    });
    expect(settings.codec.encode({ to: 'ada' })).toEqual({ to: 'ada' });
  });

  const source = { async begin() {} };
  it.each([
    [true, 'read committed'],
    [{}, 'read committed'],
    [{ isolation: 'repeatable read' }, 'repeatable read'],
    [source, source],
    [false, undefined],
    [undefined, undefined],
  ])('transaction: %o', (transaction, expected) => {
    expect(define({ kind: 'a', transaction }).settings.transaction).toEqual(expected);
  });

  it('is frozen: producers and workers share it', () => {
    expect(Object.isFrozen(defineJob({ kind: 'a' }))).toBe(true);
  });

  it.each<[unknown, string, string]>([
    [undefined, 'MILLRACE_OPTION_INVALID', 'defineJob must be an object'],
    [{}, 'MILLRACE_OPTION_INVALID', 'defineJob: kind is missing'],
    [{ kind: '' }, 'MILLRACE_OPTION_INVALID', 'defineJob.kind'],
    [{ kind: 5 }, 'MILLRACE_OPTION_INVALID', 'defineJob.kind'],
    [{ kind: 'a', name: 'b' }, 'MILLRACE_OPTION_UNKNOWN', "unknown option 'name'"],
    [{ kind: 'a', handle: () => 1 }, 'MILLRACE_OPTION_UNKNOWN', "did you mean 'handler'?"],
    [{ kind: 'a', payload: { type: 'object' } }, 'MILLRACE_OPTION_INVALID', 'a.payload must be'],
    [{ kind: 'a', priority: 100 }, 'MILLRACE_OPTION_INVALID', 'defineJob.priority'],
    [{ kind: 'a', maxAttempts: 1.5 }, 'MILLRACE_OPTION_INVALID', 'defineJob.maxAttempts'],
    [{ kind: 'a', retry: { first: 1 } }, 'MILLRACE_OPTION_INVALID', 'defineJob.retry'],
    [{ kind: 'a', timeout: 'soon' }, 'MILLRACE_DURATION_INVALID', 'defineJob.timeout'],
    [{ kind: 'a', timeout: 0 }, 'MILLRACE_OPTION_INVALID', 'longer than zero'],
    [{ kind: 'a', transaction: 'yes' }, 'MILLRACE_OPTION_INVALID', 'a.transaction'],
    [{ kind: 'a', transaction: { isolaton: 'x' } }, 'MILLRACE_OPTION_UNKNOWN', "'isolation'?"],
    [{ kind: 'a', transaction: null }, 'MILLRACE_OPTION_INVALID', 'a.transaction must be'],
    [{ kind: 'a', transaction: { begin: 1 } }, 'MILLRACE_OPTION_UNKNOWN', "'begin'"],
    [{ kind: 'a', enabled: 1 }, 'MILLRACE_OPTION_INVALID', 'a.enabled must be'],
    [{ kind: 'a', transaction: true, isolate: 'thread' }, 'MILLRACE_OPTION_INVALID', 'a.isolate'],
    [{ kind: 'a', handler: 'f' }, 'MILLRACE_OPTION_INVALID', 'defineJob.handler'],
  ])('refuses %o', (options, code, message) => {
    expect(() => define(options)).toThrow(failing(code, message));
  });
});

describe('schedules of a definition', () => {
  const schedulesOf = (schedule: unknown) =>
    define({ kind: 'digest', schedule }).settings.schedules;

  it('W16: an interval skips what was missed, cron fires it once; the payload is empty, the name the kind', () => {
    const [interval] = schedulesOf(every('15m'));
    expect(interval).toMatchObject({
      name: 'digest',
      times: { spec: 'every 900000ms' },
      rule: { windowMs: 0 },
      runOnStart: false,
    });
    expect(interval?.payload({ fireTime: new Date(0) })).toEqual({});
    expect(schedulesOf(cron('0 3 * * *'))).toMatchObject([
      { name: 'digest', rule: { windowMs: Number.POSITIVE_INFINITY, onlyLatest: true } },
    ]);
  });

  it('take their settings, one or several', () => {
    const payload = ({ fireTime }: { fireTime: Date }) => ({ at: fireTime.toISOString() });
    const schedules = schedulesOf([
      { at: every('1h'), name: 'hourly', payload, missed: 'once', runOnStart: true },
      { at: cron('0 3 * * *'), name: 'nightly', missed: { all: '2d' } },
      { at: cron('0 4 * * *'), name: 'later', missed: 'skip' },
    ]);
    expect(schedules).toMatchObject([
      { name: 'hourly', runOnStart: true, rule: { onlyLatest: true } },
      { name: 'nightly', rule: { windowMs: 172_800_000, onlyLatest: false } },
      { name: 'later', rule: { windowMs: 0, onlyLatest: false } },
    ]);
    expect(schedules[0]?.payload({ fireTime: new Date(0) })).toEqual({
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  it.each<[unknown, string]>([
    ['15m', 'digest.schedule must be an object'],
    [null, 'digest.schedule must be an object'],
    [{}, 'digest.schedule.at must be every(…) or cron(…)'],
    [{ at: '15m' }, 'digest.schedule.at must be every(…) or cron(…)'],
    [{ at: every('1h'), mised: 'skip' }, "did you mean 'missed'?"],
    [{ at: every('1h'), missed: 'twice' }, "must be 'skip', 'once' or { all: '1d' }"],
    [{ at: every('1h'), missed: {} }, "must be 'skip', 'once' or { all: '1d' }"],
    [
      { at: every('1h'), missed: { all: 'day' } },
      'digest.schedule.missed.all: "day" is not a duration',
    ],
    [{ at: every('1h'), missed: { al: '1d' } }, "did you mean 'all'?"],
    [{ at: every('1h'), missed: null }, 'digest.schedule.missed must be an object'],
    [{ at: every('1h'), payload: {} }, 'digest.schedule.payload must be a function'],
    [{ at: cron('0 3 * * *'), runOnStart: true }, 'runOnStart goes with every(…) only'],
    [[every('1h'), every('2h')], "two schedules are called 'digest'; give each a name"],
  ])('refuse %o', (schedule, message) => {
    expect(() => schedulesOf(schedule)).toThrow(
      failing(expect.stringMatching(/^MILLRACE_\w+_(?:INVALID|UNKNOWN)$/), message),
    );
  });
});

it('an isolated definition runs in the module that defines it', () => {
  expect(defineJob({ kind: 'a', isolate: 'thread' }).settings.isolate).toMatchObject({
    in: 'thread',
    module: import.meta.url,
  });
});

describe('with', () => {
  it('makes a job as a value, for enqueueMany', () => {
    const job = defineJob({ kind: 'a', payload: z.object({ n: z.number().optional() }) });
    expect(job.with({ n: 1 }, { queue: 'b' })).toEqual({
      definition: job,
      payload: { n: 1 },
      options: { queue: 'b' },
    });
    expect(job.with()).toEqual({ definition: job, payload: undefined, options: {} });
  });
});

describe('handle', () => {
  it('makes a second definition with a handler; the first stays without', () => {
    const job = defineJob({ kind: 'a', queue: 'b' });
    const handler = () => undefined;
    const handled = job.handle(handler);
    expect(handled.settings).toEqual({ ...job.settings, handler });
    expect(handled.kind).toBe('a');
    expect(job.settings.handler).toBeUndefined();
  });

  it('refuses a second handler, and what is none', () => {
    const job = defineJob({ kind: 'a', handler() {} });
    expect(() => job.handle(() => undefined)).toThrow(
      failing('MILLRACE_HANDLER_DUPLICATE', "'a' has a handler already"),
    );
    expect(() => defineJob({ kind: 'a' }).handle('f' as unknown as () => void)).toThrow(
      failing('MILLRACE_OPTION_INVALID', 'a.handle: the handler must be a function'),
    );
  });
});
