import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatTraceparent, parseTraceparent } from './trace-context.ts';

const hex = (length: number) =>
  fc
    .array(fc.nat(15), { minLength: length, maxLength: length })
    .map((digits) => digits.map((digit) => digit.toString(16)).join(''))
    .filter((text) => !/^0+$/.test(text));

it('a traceparent is read as it was written', () => {
  fc.assert(
    fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 255 }), (traceId, spanId, flags) => {
      const parent = { traceId, spanId, flags };
      expect(parseTraceparent(formatTraceparent(parent))).toEqual(parent);
    }),
  );
});

it.each([
  undefined,
  7,
  '',
  `x00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`,
  [`00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`],
  'x',
  `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`,
  `00-${'1'.repeat(32)}-${'0'.repeat(16)}-01`,
  `00-${'1'.repeat(31)}-${'1'.repeat(16)}-01`,
  `00-${'1'.repeat(32)}-${'1'.repeat(16)}-1`,
])('%s is no traceparent', (text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});

it('an id may end in zeros', () => {
  const parent = { traceId: `${'1'.repeat(31)}0`, spanId: `${'1'.repeat(15)}0`, flags: 1 };
  expect(parseTraceparent(formatTraceparent(parent))).toEqual(parent);
});
