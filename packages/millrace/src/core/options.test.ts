import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  check,
  checkOptions,
  defaults,
  definitionChecks,
  enqueueChecks,
  millraceChecks,
  nearest,
  queueChecks,
  schedulerChecks,
  transactionChecks,
  workerChecks,
} from './options.ts';
import { listChecks } from './operator/options.ts';
import { exponential, fixed } from './retry.ts';

const refused = (code: string, message: string) =>
  expect.objectContaining({
    code,
    message: expect.stringContaining(message) as unknown,
  }) as unknown;

/** The message with which a check refuses a value. */
function refusal(judge: (value: unknown, what: string) => unknown, value: unknown): string {
  try {
    judge(value, 'job.option');
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

describe('checkOptions', () => {
  const checks = { queue: check.text(10), maxAttempts: check.whole(1, 5) };

  it('answers with the checked values and leaves out what is undefined', () => {
    expect(checkOptions(checks, { queue: 'mail', maxAttempts: undefined }, 'job')).toEqual({
      queue: 'mail',
    });
    expect(checkOptions(checks, {}, 'job')).toEqual({});
  });

  it.each([
    ['maxAtempts', "job: unknown option 'maxAtempts'; did you mean 'maxAttempts'?"],
    ['MAXATTEMPTS', "did you mean 'maxAttempts'?"],
    ['que', "did you mean 'queue'?"],
    ['toString', "job: unknown option 'toString'"],
    ['__proto__', "job: unknown option '__proto__'"],
  ])('refuses the unknown name %s', (key, message) => {
    const input = Object.defineProperty({}, key, { value: 1, enumerable: true });
    expect(() => checkOptions(checks, input, 'job')).toThrow(
      refused('MILLRACE_OPTION_UNKNOWN', message),
    );
  });

  it('makes no guess where nothing is near', () => {
    expect(() => checkOptions(checks, { concurrency: 1 }, 'job')).toThrow(/'concurrency'$/);
  });

  it('refuses an unknown name also when its value is undefined', () => {
    expect(() => checkOptions(checks, { quue: undefined }, 'job')).toThrow("'queue'");
  });

  it.each([undefined, null, 5, 'x', () => 1])('refuses %o in place of an object', (input) => {
    expect(() => checkOptions(checks, input, 'job')).toThrow(
      refused('MILLRACE_OPTION_INVALID', 'job must be an object, not '),
    );
  });

  it('names the option that it refuses, and shows the value shortened', () => {
    expect(() => checkOptions(checks, { queue: 'x'.repeat(1e6) }, 'job')).toThrow(
      /^job\.queue must be text of 1 to 10 characters, not "x+…$/,
    );
  });
});

describe('the checks', () => {
  it.each<[string, (value: unknown, what: string) => unknown, unknown[], unknown[], string]>([
    ['any', check.any, [undefined, {}, 1], [], ''],
    ['boolean', check.boolean, [true, false], [0, 'true', null], 'true or false'],
    ['duration', check.duration, [0, 5, '5s'], ['x', -1, null], 'is not a duration'],
    ['positiveDuration', check.positiveDuration, [1, '5s'], [0, '0s', -1], 'job.option'],
    [
      'number',
      check.number(0, 1),
      [0, 0.5, 1],
      [-0.1, 1.1, Number.NaN, '0'],
      'a number from 0 to 1',
    ],
    [
      'whole',
      check.whole(-2, 2),
      [-2, 0, 2],
      [-3, 3, 0.5, '1', 1n, Number.NaN],
      'a whole number from -2 to 2',
    ],
    ['text', check.text(3), ['a', 'abc'], ['', 'abcd', 5, null], 'text of 1 to 3 characters'],
    ['text', check.text(9), ['ä😀'], ['a\u0000', '\uD800'], 'text without NUL and lone surrogates'],
    ['list', check.list(check.whole(0, 9)), [[], [1, 2]], [5, 'x', null], 'a list'],
    ['list', check.list(check.whole(0, 9), 1), [[1]], [[]], 'a list of 1 or more'],
    ['list', check.list(check.text(3)), [['a']], [['a', ''], Array(1)], 'job.option['],
    [
      'oneOf',
      check.oneOf('all', 'none'),
      ['all', 'none'],
      ['some', undefined, 1],
      "'all' or 'none'",
    ],
    [
      'states',
      check.states,
      ['running', ['available', 'running']],
      ['done', ['running', 5]],
      "'scheduled' or",
    ],
    ['function', check.function, [() => 1], [{}, 'f', null], 'a function'],
    [
      'date',
      check.date,
      [new Date(0), '2026-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'],
      [
        new Date('x'),
        'tomorrow',
        '',
        5,
        null,
        '+010000-01-01T00:00:00Z',
        '0000-12-31T00:00:00Z',
        '-000001-01-01T00:00:00Z',
      ],
      'a valid date of the years 1 to 9999',
    ],
    [
      'retry',
      check.retry,
      [() => 1, exponential(), fixed(1)],
      [null, undefined, 'x', 5, {}],
      'exponential(…)',
    ],
  ])('%s', (_, judge, accepted, rejected, message) => {
    for (const value of accepted) expect(refusal(judge, value)).toBe('accepted');
    for (const value of rejected) expect(refusal(judge, value)).toContain(message);
  });

  it('a date written as text becomes a date', () => {
    expect(check.date('2026-01-01T00:00:00Z', 'at')).toEqual(new Date('2026-01-01T00:00:00Z'));
  });

  it.each([
    [{ type: 'exponential', from: 'now' }, 'exponential(…), linear(…), fixed(…) or delays(…)'],
    [{ ...exponential(), firstMs: '15s' }, 'job.option.firstMs must be a whole number'],
    [{ ...exponential(), factor: 0 }, 'job.option.factor must be a number from 1'],
    [{ ...exponential(), jitter: 2 }, 'job.option.jitter'],
    [{ ...exponential(), frist: 1 }, "unknown option 'frist'"],
    [{ ...fixed(1), delaysMs: [] }, 'job.option.delaysMs must be a list of 1 or more'],
    [{ type: 'toString', from: 'now' }, 'exponential(…)'],
    [() => 1, 'job.option: a function cannot be stored with a job; put it into the definition'],
  ])('a stored retry policy like %o is refused', (value, message) => {
    expect(refusal(check.storedRetry, value)).toContain(message);
  });
});

describe('the options of Millrace', () => {
  it.each<[string, Parameters<typeof checkOptions>[0], object, string]>([
    ['a kind', definitionChecks, { kind: 'x'.repeat(201) }, 'kind'],
    ['a priority', definitionChecks, { priority: 33 }, 'from -32 to 32'],
    ['maxAttempts', definitionChecks, { maxAttempts: 0 }, 'from 1 to 32767'],
    ['a timeout of nothing', definitionChecks, { timeout: 0 }, 'longer than zero'],
    ['history', definitionChecks, { history: 'some' }, "'all' or 'failures' or 'none'"],
    ['a handler', definitionChecks, { handler: {} }, 'a function'],
    ['a retry function with a job', enqueueChecks, { retry: () => 1 }, 'cannot be stored'],
    ['a delay', enqueueChecks, { delay: 'soon' }, 'is not a duration'],
    ['tags', enqueueChecks, { tags: 'urgent' }, 'a list'],
    ['a unique key', enqueueChecks, { uniqueKey: '' }, 'text of 1 to 500'],
    ['an isolation', transactionChecks, { isolation: 'snapshot' }, "'read committed' or"],
    ['a schema', millraceChecks, { schema: 'x'.repeat(64) }, 'text of 1 to 63'],
    ['a schema of long letters', millraceChecks, { schema: 'ä'.repeat(32) }, 'at most 63 bytes'],
    ['a limit of bytes', millraceChecks, { payloadMaxBytes: 0 }, 'a whole number from 1'],
    ['a retention', millraceChecks, { completedRetention: 'long' }, 'is not a duration'],
    ['concurrency', workerChecks, { concurrency: 0 }, 'from 1 to 10000'],
    ['concurrency of a queue', queueChecks, { concurrency: 1.5 }, 'from 1 to 10000'],
    ['a page of too many', listChecks, { limit: 1_001 }, 'from 1 to 1000'],
    ['an unknown name', schedulerChecks, { job: [] }, "did you mean 'jobs'?"],
  ])('refuse %s', (_, checks, input, message) => {
    expect(() => checkOptions(checks, input, 'it')).toThrow(message);
  });
});

it('a payload may have a mebibyte, unless that is told otherwise', () => {
  expect(defaults.payloadMaxBytes).toBe(1_048_576);
});

it('a schema may have the longest name that PostgreSQL keeps', () => {
  const schema = `x${'ä'.repeat(31)}`;
  expect(checkOptions(millraceChecks, { schema }, 'it')).toEqual({ schema });
});

describe('nearest', () => {
  const known = Object.keys(definitionChecks);

  it('finds the name behind one mistake', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...known.filter((name) => name.length > 4)),
        fc.nat(20),
        fc.constantFrom('', 'x'),
        (name, at, replacement) => {
          const place = at % name.length;
          return (
            nearest(name.slice(0, place) + replacement + name.slice(place + 1), known) === name
          );
        },
      ),
    );
  });

  it('finds nothing among nothing', () => {
    expect(nearest('kind', [])).toBeUndefined();
  });
});
