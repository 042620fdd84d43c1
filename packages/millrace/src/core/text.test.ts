import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundedText, describe as describeValue, show } from './text.ts';

const jsonBytes = (text: string) => Buffer.byteLength(JSON.stringify(text)) - 2;
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({
    unit: fc.constantFrom('\uD83D', '\uDE00', '😀', '\u0001', '"', 'a', '\u0000'),
    maxLength: 200,
  }),
);

describe('boundedText', () => {
  it('is at most so many bytes as JSON, well formed, without NUL, and begins as the text does', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 3, max: 200 }), (text, maxBytes) => {
        const bounded = boundedText(text, maxBytes);
        expect(jsonBytes(bounded)).toBeLessThanOrEqual(maxBytes);
        expect(bounded.isWellFormed()).toBe(true);
        expect(bounded).not.toContain('\u0000');
        const clean = text.replaceAll('\u0000', '\uFFFD').toWellFormed();
        const cut = clean.startsWith(bounded.slice(0, -1)) && bounded.endsWith('…');
        return jsonBytes(clean) <= maxBytes ? bounded === clean : cut;
      }),
    );
  });

  it('never cuts a character in two', () => {
    const faces = '😀'.repeat(20);
    for (let maxBytes = 3; maxBytes < 80; maxBytes++) {
      expect(boundedText(faces, maxBytes)).toMatch(/^(?:😀)*…$/u);
    }
  });

  it('uses the room that it has', () => {
    expect(boundedText('a'.repeat(100), 20)).toBe(`${'a'.repeat(17)}…`);
    expect(boundedText('ä'.repeat(100), 20)).toBe(`${'ä'.repeat(8)}…`);
    expect(boundedText('😀'.repeat(100), 20)).toBe(`${'😀'.repeat(3)}…`);
    expect(boundedText('"'.repeat(100), 20)).toBe(`${'"'.repeat(8)}…`);
  });
});

describe('show', () => {
  it.each<[unknown, string]>([
    ['a "b"', String.raw`"a \"b\""`],
    [Number.NaN, 'NaN'],
    [undefined, 'undefined'],
    [null, 'null'],
    [5n, '5'],
    [Symbol('s'), 'Symbol(s)'],
    [{ a: [1] }, '{"a":[1]}'],
    [new Map(), '{}'],
    [Object.create(null), '{}'],
    ['x'.repeat(1_000), `"${'x'.repeat(195)}…`],
  ])('%o', (value, text) => {
    expect(show(value)).toBe(text);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.anything(), (value) => typeof show(value) === 'string'));
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    expect(show(cyclic)).toBe('');
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(describeValue(proxy)).toBe('an unreadable object');
    expect(describeValue({ toJSON: () => undefined, toString: () => 5 as unknown as string })).toBe(
      '5',
    );
  });
});

it('text that is exactly as long as it may be is left whole', () => {
  expect(boundedText('1234567890', 10)).toBe('1234567890');
  expect(boundedText('12345678901', 10)).not.toBe('12345678901');
});
