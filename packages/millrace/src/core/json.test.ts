import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMillraceError } from './errors.ts';
import { toJson, type Json } from './json.ts';

/** What `toJson` makes of a value, or the error that it refuses it with. */
function tried(value: unknown): { json: Json } | { error: unknown } {
  try {
    return { json: toJson(value) };
  } catch (error) {
    return { error };
  }
}

/** What `toJson` says about a value that it refuses. */
function refusal(value: unknown): string {
  const answer = tried(value);
  return 'error' in answer && isMillraceError(answer.error, 'MILLRACE_PAYLOAD_NOT_JSON')
    ? answer.error.message
    : 'it was accepted, or failed otherwise';
}

const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;

class Money {
  readonly amount = 5;
}

describe('toJson', () => {
  it('G8: copies any JSON value as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        expect(JSON.stringify(toJson(value))).toBe(JSON.stringify(value));
      }),
    );
  });

  it('G8: whatever is thrown at it, it answers with what JSON carries without loss, or refuses with a code', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true }),
        (value) => {
          const answer = tried(value);
          if ('error' in answer) return isMillraceError(answer.error, 'MILLRACE_PAYLOAD_NOT_JSON');
          const text = JSON.stringify(answer.json);
          return JSON.stringify(JSON.parse(text)) === text && !/\\u(0000|d[89a-f])/.test(text);
        },
      ),
    );
  });

  it('is a copy that later changes do not reach', () => {
    const list = [{ city: 'Ulm' }];
    const json = toJson({ list });
    list.push({ city: 'Bonn' });
    expect(json).toEqual({ list: [{ city: 'Ulm' }] });
  });

  it('takes what says itself how it is written as JSON', () => {
    const at = new Date('2026-01-01T00:00:00Z');
    const value = {
      at,
      link: new URL('https://example.com/'),
      money: { toJSON: () => ({ amount: 5 }) },
    };
    expect(toJson(value)).toEqual({
      at: '2026-01-01T00:00:00.000Z',
      link: 'https://example.com/',
      money: { amount: 5 },
    });
    expect(toJson({ toJSON: 'just a key' })).toEqual({ toJSON: 'just a key' });
  });

  it('takes objects without a prototype, of another realm, and with the key __proto__', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(toJson(bare)).toEqual({ a: 1 });
    expect(toJson(runInNewContext('({ a: [1, { b: null }] })'))).toEqual({ a: [1, { b: null }] });
    const odd = toJson(JSON.parse('{"__proto__":{"admin":true}}')) as { admin?: boolean };
    expect(JSON.stringify(odd)).toBe('{"__proto__":{"admin":true}}');
    expect(odd.admin).toBeUndefined();
  });

  it('takes one object in two places; only a circle is refused', () => {
    const shared = { a: 1 };
    expect(toJson([shared, shared])).toEqual([{ a: 1 }, { a: 1 }]);
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'payload: undefined would be dropped; leave the key out or use null'],
    ['an undefined key', { a: { b: undefined } }, 'payload.a.b: undefined would be dropped'],
    ['a hole in a list', Array(1), 'payload[0]: undefined would be dropped'],
    ['a BigInt', { id: 5n }, 'payload.id: a BigInt has no JSON form'],
    ['NaN', [0, Number.NaN], 'payload[1]: NaN is not a JSON number'],
    ['Infinity', Number.NEGATIVE_INFINITY, 'payload: -Infinity is not a JSON number'],
    ['a function', { f: () => 1 }, 'payload.f: a function has no JSON form'],
    ['a symbol', Symbol('s'), 'payload: a symbol has no JSON form'],
    ['a Map', new Map(), 'payload: a Map has no JSON form'],
    ['a Set', { s: new Set([1]) }, 'payload.s: a Set has no JSON form'],
    ['bytes', new Uint8Array(2), 'payload: a Uint8Array has no JSON form'],
    ['a class instance', new Money(), 'payload: a Money has no JSON form'],
    [
      'a nameless class instance',
      Object.create({ constructor: undefined }),
      'a class instance has no',
    ],
    ['an Error', new Error('x'), 'payload: a Error has no JSON form'],
    ['an invalid date', { at: new Date('x') }, 'payload.at: an invalid date has no JSON form'],
    ['a cycle', cyclic, 'payload.self: the value contains itself'],
    ['NUL', { a: 'x\u0000' }, 'payload.a: the text contains a NUL character'],
    ['a lone surrogate', ['\uD800'], 'payload[0]: the text contains a lone surrogate'],
    ['NUL in a key', { 'a\u0000': 1 }, 'payload (a key): the text contains a NUL character'],
    [
      'a lone surrogate in a key',
      { '\uDFFF': 1 },
      'payload (a key): the text contains a lone surrogate',
    ],
  ])('G8: refuses %s and says where', (_, value, message) => {
    expect(refusal(value)).toContain(message);
  });

  it('G8: nesting of 500 levels is taken, more is refused', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    expect(JSON.stringify(toJson(nested(500)))).toBe(JSON.stringify(nested(500)));
    expect(refusal(nested(501))).toContain('nested deeper than 500 levels');
    let within: unknown = 1;
    for (let depth = 0; depth < 501; depth++) within = { within };
    expect(refusal(within)).toContain('nested deeper than 500 levels');
    const endless = { toJSON: () => ({ ...endless }) };
    expect(refusal(endless)).toContain('nested deeper than 500 levels');
  });

  it('names what it was told to check', () => {
    expect(() => toJson({ a: 1n }, 'result')).toThrow('result.a: a BigInt');
  });
});
