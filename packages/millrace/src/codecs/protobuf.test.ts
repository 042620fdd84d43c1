import { create, equals, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { EmptySchema, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OlderSchema } from '../../../../test/fixtures/gen/older_pb.ts';
import {
  EverythingSchema,
  LaterEverythingSchema,
  LaterPlaceSchema,
  NothingSchema,
  PlaceSchema,
} from '../../../../test/fixtures/gen/payloads_pb.ts';
import type { Json } from '../core/json.ts';
import { protobuf, type ProtobufOptions } from './protobuf.ts';

type EverythingInit = MessageInitShape<typeof EverythingSchema>;

const codec = (options?: ProtobufOptions) => protobuf(EverythingSchema, options);
const encode = (input: unknown, options?: ProtobufOptions) =>
  codec(options).encode(input as EverythingInit);
const decode = (stored: Json, options?: ProtobufOptions) => codec(options).decode(stored);
const failing = (code: string, message: string) =>
  expect.objectContaining({
    code,
    message: expect.stringContaining(message) as unknown,
  }) as unknown;

/** A value in every field, at the edges of their ranges. */
const everything = {
  text: 'Grüße 😀',
  big: -(2n ** 63n),
  data: new Uint8Array([0, 1, 254, 255]),
  at: timestampFromDate(new Date('2026-11-23T12:34:56.789Z')),
  places: [{ city: 'Ulm', floor: -1 }, {}],
  byName: { home: { city: 'Bonn' }, __proto__1: {} },
  target: { case: 'place', value: { city: 'Köln', floor: 3 } },
  free: { nested: [1, null, { deep: true }] },
  nickname: '',
  ratio: Number.NaN,
  counts: { all: 9_007_199_254_740_993n },
} satisfies EverythingInit;

const binary = { encoding: 'binary' } as const;

describe('W8: a protobuf payload', () => {
  it('is stored as ProtoJSON, which people and SQL can read', () => {
    expect(encode(everything)).toEqual({
      text: 'Grüße 😀',
      big: '-9223372036854775808',
      data: 'AAH+/w==',
      at: '2026-11-23T12:34:56.789Z',
      places: [{ city: 'Ulm', floor: -1 }, {}],
      byName: { home: { city: 'Bonn' }, __proto__1: {} },
      place: { city: 'Köln', floor: 3 },
      free: { nested: [1, null, { deep: true }] },
      nickname: '',
      ratio: 'NaN',
      counts: { all: '9007199254740993' },
    });
  });

  it.each([{}, binary])(
    'comes back as it was, with int64, bytes and timestamps: %o',
    async (options) => {
      const message = await decode(await encode(everything, options), options);
      expect(message).toEqual(create(EverythingSchema, everything));
      expect(message.big).toBe(-(2n ** 63n));
      expect(message.data).toEqual(new Uint8Array([0, 1, 254, 255]));
      expect(timestampDate(message.at as NonNullable<typeof message.at>).toISOString()).toBe(
        '2026-11-23T12:34:56.789Z',
      );
    },
  );

  it.each([{}, binary])('comes back whatever its values are: %o', async (options) => {
    const anyInit = fc.record(
      {
        text: fc.string({ unit: 'grapheme' }),
        big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        data: fc.uint8Array(),
        at: fc
          .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
          .map(timestampFromDate),
        places: fc.array(fc.record({ city: fc.string({ unit: 'grapheme' }), floor: fc.integer() })),
        // JSON knows no negative zero.
        ratio: fc.double({ noNaN: true }).map((number) => number + 0),
        counts: fc.dictionary(
          fc.string({ unit: 'grapheme' }),
          fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        ),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(anyInit, async (init) => {
        const stored = JSON.parse(JSON.stringify(await encode(init, options))) as Json;
        const message = await decode(stored, options);
        return equals(EverythingSchema, message, create(EverythingSchema, init));
      }),
    );
  });

  it.each([{}, binary])('may be a message, or the fields of one: %o', async (options) => {
    const message = create(EverythingSchema, everything);
    expect(await encode(message, options)).toEqual(await encode(everything, options));
    const copy = fromBinary(EverythingSchema, toBinary(EverythingSchema, message));
    expect(await encode(copy, options)).toEqual(await encode(everything, options));
  });

  it('is stored in binary form exact to the byte, with the name of its type', async () => {
    const bytes = toBinary(EverythingSchema, create(EverythingSchema, everything));
    expect(await encode(everything, binary)).toEqual({
      typeName: 'millrace.test.Everything',
      base64: Buffer.from(bytes).toString('base64'),
    });
  });

  it('may be a message of the older syntax, with defaults and with fields that must be there', async () => {
    const older = protobuf(OlderSchema);
    const message = create(OlderSchema, { name: 'annex' });
    expect(await older.encode(message)).toEqual({ name: 'annex' });
    expect((await older.decode({ name: 'annex' })).floor).toBe(7);
    expect(() => older.encode({ floor: 1 })).toThrow(
      failing('MILLRACE_PAYLOAD_INVALID', 'Older.name'),
    );
  });

  it('is written by people as ProtoJSON, on the command line for example, whatever its encoding', async () => {
    const written = { big: '5', data: 'AAH+/w==', at: '2026-11-23T12:34:56Z' };
    for (const options of [{}, binary]) {
      const message = codec(options).fromJson?.(written) as EverythingInit;
      expect(await decode(await encode(message, options), options)).toMatchObject({
        big: 5n,
        data: new Uint8Array([0, 1, 254, 255]),
        at: timestampFromDate(new Date('2026-11-23T12:34:56Z')),
      });
      expect(() => codec(options).fromJson?.({ wings: 2 })).toThrow(
        failing('MILLRACE_PAYLOAD_INVALID', 'key "wings" is unknown'),
      );
    }
  });

  it('may be an empty message', async () => {
    for (const schema of [EmptySchema, NothingSchema]) {
      expect(await protobuf(schema).encode({})).toEqual({});
      expect(await protobuf(schema).decode({})).toEqual(create(schema));
      expect(await protobuf(schema, binary).encode({})).toEqual({
        typeName: schema.typeName,
        base64: '',
      });
    }
  });
});

describe('W8: unknown fields', () => {
  const later = (message: Uint8Array, schema: typeof PlaceSchema) => fromBinary(schema, message);
  const place = later(
    toBinary(LaterPlaceSchema, create(LaterPlaceSchema, { city: 'Ulm', country: 'DE' })),
    PlaceSchema,
  );

  it('are refused at enqueue, since ProtoJSON would drop them', () => {
    expect(() => protobuf(PlaceSchema).encode(place)).toThrow(
      failing(
        'MILLRACE_PAYLOAD_INVALID',
        "the message has fields that millrace.test.Place does not know; encoding: 'binary' keeps them",
      ),
    );
  });

  it.each<[string, MessageInitShape<typeof LaterEverythingSchema>]>([
    ['a list', { places: [{}, { country: 'DE' }] }],
    ['a map', { byName: { home: { country: 'DE' } } }],
    ['a oneof', { target: { case: 'place', value: { country: 'DE' } } }],
  ])('are found inside %s', (_, init) => {
    const bytes = toBinary(LaterEverythingSchema, create(LaterEverythingSchema, init));
    const message = fromBinary(EverythingSchema, bytes);
    expect(() => encode(message)).toThrow(failing('MILLRACE_PAYLOAD_INVALID', 'does not know'));
    expect(() => encode({ ...message })).toThrow(
      failing('MILLRACE_PAYLOAD_INVALID', 'does not know'),
    );
  });

  it('are kept in binary form, to the byte', async () => {
    const inBinary = protobuf(PlaceSchema, binary);
    const back = await inBinary.decode(await inBinary.encode(place));
    expect(toBinary(PlaceSchema, back)).toEqual(toBinary(PlaceSchema, place));
    expect(fromBinary(LaterPlaceSchema, toBinary(PlaceSchema, back)).country).toBe('DE');
  });

  it('in a stored payload make it unreadable', () => {
    expect(() => decode({ text: 'a', wings: 2 })).toThrow(
      failing('MILLRACE_PAYLOAD_UNREADABLE', 'key "wings" is unknown'),
    );
  });
});

describe('W8: what does not fit is refused at enqueue', () => {
  // Creating a message passes over the first ten of these without a word.
  const misfits: [unknown, string][] = [
    [{ txt: 'a' }, 'millrace.test.Everything does not take this value of payload.txt'],
    [{ places: [{ town: 'Ulm' }] }, 'payload.places.0.town'],
    [{ byName: { home: { town: 'Ulm' } } }, 'payload.byName.home.town'],
    [{ target: { case: 'place', value: { town: 'Ulm' } } }, 'payload.target.value.town'],
    [{ at: new Date() }, 'payload.at'],
    [{ places: 5 }, 'payload.places'],
    [create(PlaceSchema, { city: 'Ulm' }), 'payload.$typeName'],
    [5, 'payload'],
    [null, 'payload'],
    [[everything], 'payload'],
    [{ byName: new Map([['home', {}]]) }, 'payload.byName'],
    [{ at: null }, 'payload.at'],
    [{ bytes: new Uint8Array(1) }, 'payload.bytes'],
    [{ text: 5 }, 'expected string, got 5'],
    [{ big: 2n ** 63n }, 'out of range'],
    [{ big: 'many' }, 'out of range'],
    [{ data: 'AAH+' }, 'expected Uint8Array'],
    [{ places: [{ floor: 1.5 }] }, 'expected number (int32)'],
    [{ counts: { a: 'x' } }, 'out of range'],
    [{ text: 'a\uD800' }, 'invalid UTF8'],
  ];

  it.each(misfits)('in both forms: %o', (input, message) => {
    for (const options of [{}, binary]) {
      expect(() => encode(input, options)).toThrow(failing('MILLRACE_PAYLOAD_INVALID', message));
    }
  });

  it('NUL is refused in ProtoJSON, which the database could not keep, and taken in binary form', async () => {
    expect(() => encode({ text: 'a\u0000' })).toThrow(
      failing('MILLRACE_PAYLOAD_NOT_JSON', 'payload.text: the text contains a NUL character'),
    );
    const message = await decode(await encode({ text: 'a\u0000' }, binary), binary);
    expect(message.text).toBe('a\u0000');
  });

  it('a message in an Any needs the binary form', async () => {
    const anything = {
      typeUrl: 'type.googleapis.com/millrace.test.Place',
      value: new Uint8Array([10, 0]),
    };
    expect(() => encode({ anything })).toThrow(
      failing('MILLRACE_PAYLOAD_INVALID', 'type registry'),
    );
    expect(await decode(await encode({ anything }, binary), binary)).toMatchObject({ anything });
  });

  it('a time that ProtoJSON has no form for is refused', () => {
    expect(() => encode({ at: { seconds: 10n ** 15n } })).toThrow(
      failing('MILLRACE_PAYLOAD_INVALID', 'must be from 0001'),
    );
  });
});

describe('W8: a stored payload that cannot be decoded is unreadable', () => {
  it.each<[Json]>([
    [null],
    [[]],
    ['x'],
    [{ text: 5 }],
    [{ at: 'yesterday' }],
    [{ big: '9223372036854775808' }],
    [{ typeName: 'millrace.test.Everything', base64: '' }],
  ])('in ProtoJSON: %o', (stored) => {
    expect(() => decode(stored)).toThrow(
      failing('MILLRACE_PAYLOAD_UNREADABLE', 'payload: cannot decode'),
    );
  });

  it.each<[Json, string]>([
    [
      { typeName: 'millrace.test.Place', base64: '' },
      'no binary message of type millrace.test.Everything',
    ],
    [{ typeName: 'millrace.test.Everything' }, 'no binary message'],
    [{ text: 'a' }, 'no binary message'],
    [null, 'no binary message'],
    ['x', 'no binary message'],
    [{ typeName: 'millrace.test.Everything', base64: '!' }, 'invalid base64 string'],
    [{ typeName: 'millrace.test.Everything', base64: 'CgVB' }, 'premature EOF'],
    [{ typeName: 'millrace.test.Everything', base64: '////' }, 'premature EOF'],
  ])('in binary form: %o', (stored, message) => {
    expect(() => decode(stored, binary)).toThrow(failing('MILLRACE_PAYLOAD_UNREADABLE', message));
  });
});

describe('the options of protobuf', () => {
  it('are checked', () => {
    expect(() => codec({ encodng: 'binary' } as object)).toThrow("did you mean 'encoding'?");
    expect(() => codec({ encoding: 'text' as 'json' })).toThrow(
      "protobuf.encoding must be 'json' or 'binary'",
    );
  });
});
