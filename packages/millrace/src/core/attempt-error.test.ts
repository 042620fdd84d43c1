import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameOf, toAttemptError } from './attempt-error.ts';
import { defaults } from './options.ts';

const maxBytes = defaults.errorMaxBytes;
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

class Unnamed extends Error {}

class Named extends Error {
  override readonly name = 'SmtpError';
  readonly code = 550;
}

function throwing(): never {
  throw new Error('hostile');
}

/** Values that answer to being looked at with an error, each in another way. */
const hostile: Record<string, unknown> = {
  'getters that throw': Object.defineProperties(
    {},
    Object.fromEntries(
      ['name', 'message', 'code', 'stack', 'cause'].map((key) => [key, { get: throwing }]),
    ),
  ),
  'an error whose message throws': Object.defineProperty(new Error('x'), 'message', {
    get: throwing,
  }),
  'an error whose stack throws': Object.defineProperty(new Error('x'), 'stack', { get: throwing }),
  'an error whose cause throws': Object.defineProperty(new Error('x'), 'cause', { get: throwing }),
  'an error with objects in place of texts': Object.assign(new Error('x'), {
    name: { toString: throwing },
    code: { toString: throwing },
    stack: Symbol('s'),
  }),
  'an error whose message is an object': Object.assign(new Error('x'), {
    message: { toString: throwing },
  }),
  'an error without a constructor': Object.assign(new Error('x'), { constructor: undefined }),
  'a proxy whose traps all throw': new Proxy(
    new Error('x'),
    Object.fromEntries(Reflect.ownKeys(Reflect).map((trap) => [trap, throwing])),
  ),
  'conversions that throw': {
    toJSON: throwing,
    toString: throwing,
    [Symbol.toPrimitive]: throwing,
  },
  'a function whose text throws': Object.assign(() => 1, { toString: throwing }),
  'no prototype': Object.create(null) as object,
};

describe('what is kept of an error', () => {
  it('W11: name, message, code, stack and causes', () => {
    const cause = new Named('mailbox unavailable');
    const error = new Error('could not send', { cause });
    expect(toAttemptError(error, maxBytes)).toEqual({
      name: 'Error',
      message: 'could not send',
      stack: error.stack,
      cause: { name: 'SmtpError', message: 'mailbox unavailable', code: '550', stack: cause.stack },
    });
  });

  it('W12: the name is the class, said by the error or by its constructor', () => {
    expect(nameOf(new Unnamed())).toBe('Unnamed');
    expect(nameOf(new Named())).toBe('SmtpError');
    expect(nameOf(new TypeError('x'))).toBe('TypeError');
    expect(nameOf(new (class extends Error {})())).toBe('Error');
    expect(nameOf(Object.assign(new Error('x'), { name: '' }))).toBe('object');
    expect([nameOf('text'), nameOf(null), nameOf(undefined), nameOf({})]).toEqual([
      'string',
      'null',
      'undefined',
      'object',
    ]);
  });

  it.each<[string, unknown, object]>([
    ['a text', 'no luck', { name: 'string', message: 'no luck' }],
    ['null', null, { name: 'null', message: 'null' }],
    ['nothing', undefined, { name: 'undefined', message: 'undefined' }],
    ['NaN', Number.NaN, { name: 'number', message: 'NaN' }],
    ['an object', { status: 503 }, { name: 'object', message: '{"status":503}' }],
    [
      'an object like an error',
      { message: 'refused', code: 'PGRST' },
      { name: 'object', message: 'refused', code: 'PGRST' },
    ],
  ])('%s that was thrown is kept as text', (_, thrown, expected) => {
    expect(toAttemptError(thrown, maxBytes)).toEqual(expected);
  });

  it('an error of another realm is an error', () => {
    expect(toAttemptError(runInNewContext("new RangeError('x')"), maxBytes)).toMatchObject({
      name: 'RangeError',
      message: 'x',
    });
  });

  it('causes go five deep, also when they go in circles', () => {
    const error: Error = new Error('round');
    error.cause = error;
    const messages: string[] = [];
    for (
      let at: { message: string; cause?: unknown } | undefined = toAttemptError(error, maxBytes);
      at !== undefined;
      at = at.cause as typeof at
    ) {
      messages.push(at.message);
    }
    expect(messages).toHaveLength(6);
  });

  it('NUL and lone surrogates are replaced: jsonb refuses them', () => {
    expect(toAttemptError(new Error('a\u0000b\uD800'), maxBytes).message).toBe('a\uFFFDb\uFFFD');
  });
});

describe('never fails and never grows', () => {
  it.each(Object.keys(hostile))('%s', (kind) => {
    const error = toAttemptError(hostile[kind], maxBytes);
    expect(typeof error.name).toBe('string');
    expect(typeof error.message).toBe('string');
    expect(bytesOf(error)).toBeLessThanOrEqual(maxBytes);
    expect(typeof nameOf(hostile[kind])).toBe('string');
  });

  it('whatever is thrown', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withSparseArray: true, withMap: true }),
        (thrown) => {
          expect(bytesOf(toAttemptError(thrown, maxBytes))).toBeLessThanOrEqual(maxBytes);
        },
      ),
    );
  });

  it('stays within its bytes as JSON, however long and however escaped its texts are', () => {
    const long = fc
      .tuple(
        fc.constantFrom('a', 'ä', '😀', '\u0001', '"', '\u0000', '\uD800', '\n'),
        fc.nat(40_000),
      )
      .map(([character, times]) => character.repeat(times));
    const anyError = fc.letrec<{ error: Error }>((tie) => ({
      error: fc
        .record({
          name: long,
          message: long,
          stack: long,
          code: fc.oneof(long, fc.double()),
          cause: fc.option(tie('error'), { maxDepth: 8, nil: undefined }),
        })
        .map((parts) => Object.assign(new Error('x'), parts)),
    })).error;
    fc.assert(
      fc.property(anyError, fc.integer({ min: 2_048, max: 65_536 }), (error, bytes) => {
        const kept = toAttemptError(error, bytes);
        expect(bytesOf(kept)).toBeLessThanOrEqual(bytes);
        expect(JSON.stringify(kept)).not.toMatch(/\\u(0000|d[89a-f])/);
      }),
      { numRuns: 50 },
    );
  });

  it('a long message leaves room for the stack, and a long stack for the cause', () => {
    const error = Object.assign(new Error('m'.repeat(1e6), { cause: new Error('why') }), {
      stack: 's'.repeat(1e6),
    });
    const kept = toAttemptError(error, maxBytes);
    expect(kept.message.length).toBeGreaterThan(3_000);
    expect(kept.stack?.length).toBeGreaterThan(3_500);
    expect(kept.cause?.message).toBe('why');
  });
});

it('what is no error is bounded as well', () => {
  expect(bytesOf(toAttemptError('x'.repeat(1e6), 65_536))).toBeLessThanOrEqual(65_536);
});

it.each<[unknown, string]>([
  [Object.assign(function mail() {}, { message: 'no' }), 'function'],
  [{ name: 'Mail', message: 5 }, 'object'],
  [{ name: 'Mail', message: 'no' }, 'Mail'],
])('%o is named %s', (thrown, name) => {
  expect(nameOf(thrown)).toBe(name);
});

it('a constructor whose name is no text gives none', () => {
  const odd = Object.defineProperty(new Error('no'), 'constructor', { value: { name: 5 } });
  expect(nameOf(odd)).toBe('Error');
});
