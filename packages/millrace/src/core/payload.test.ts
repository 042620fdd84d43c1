import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Json } from './json.ts';
import { layersOf } from './middleware.ts';
import {
  codecOf,
  encodePayload,
  type PayloadCodec,
  type PayloadSource,
  type StandardSchema,
} from './payload.ts';

const encode = async (source: PayloadSource | undefined, input: unknown) =>
  codecOf(source, 'job.payload').encode(input);
const decode = async (source: PayloadSource | undefined, stored: Json) =>
  codecOf(source, 'job.payload').decode(stored);
const failing = (code: string, message: string) =>
  expect.objectContaining({
    code,
    message: expect.stringContaining(message) as unknown,
  }) as unknown;

// The same payload in three languages: an e-mail address, a date that is text in JSON, and tags that default to none.
const sources: [string, PayloadSource][] = [
  [
    'zod',
    z.object({
      email: z.email(),
      at: z.iso.datetime().transform((text) => new Date(text)),
      tags: z.array(z.string()).default([]),
    }),
  ],
  [
    'valibot',
    v.object({
      email: v.pipe(v.string(), v.email()),
      at: v.pipe(
        v.string(),
        v.isoTimestamp(),
        v.transform((text) => new Date(text)),
      ),
      tags: v.optional(v.array(v.string()), []),
    }),
  ],
  ['arktype', type({ email: 'string.email', at: 'string.date.iso.parse', tags: 'string[] = []' })],
];

describe.each(sources)('a schema of %s', (_, schema) => {
  const stored = { email: 'ada@example.com', at: '2026-01-01T00:00:00.000Z' };

  it('W8: what is stored is the input as JSON, and the handler gets what the schema makes of it', async () => {
    await expect(encode(schema, stored)).resolves.toEqual(stored);
    await expect(decode(schema, stored)).resolves.toEqual({
      ...stored,
      at: new Date(stored.at),
      tags: [],
    });
  });

  it('W8: values that write themselves as JSON are judged as they are stored', async () => {
    await expect(encode(schema, { ...stored, at: new Date(stored.at) })).resolves.toEqual(stored);
  });

  it('G8: a payload that does not fit is refused at enqueue, with the place', async () => {
    await expect(encode(schema, { ...stored, email: 'ada' })).rejects.toThrow(
      failing('MILLRACE_PAYLOAD_INVALID', 'payload.email: '),
    );
    await expect(encode(schema, undefined)).rejects.toThrow(
      failing('MILLRACE_PAYLOAD_INVALID', 'payload.email: '),
    );
  });

  it('G8: what JSON cannot carry is refused before the schema sees it', async () => {
    await expect(encode(schema, { ...stored, at: 5n })).rejects.toThrow(
      failing('MILLRACE_PAYLOAD_NOT_JSON', 'payload.at: a BigInt'),
    );
  });

  it('G8: a stored payload that does not fit any more is unreadable', async () => {
    await expect(decode(schema, { ...stored, email: 5 })).rejects.toThrow(
      failing('MILLRACE_PAYLOAD_UNREADABLE', 'payload.email: '),
    );
  });
});

describe('any schema', () => {
  it('may judge in its own time', async () => {
    const known = z.object({ id: z.string().refine(async (id) => Promise.resolve(id === 'a')) });
    await expect(encode(known, { id: 'a' })).resolves.toEqual({ id: 'a' });
    await expect(decode(known, { id: 'a' })).resolves.toEqual({ id: 'a' });
    await expect(encode(known, { id: 'b' })).rejects.toThrow(
      failing('MILLRACE_PAYLOAD_INVALID', 'payload.id'),
    );
  });

  it('judges without delay when it can, so that a hundred thousand jobs need no hundred thousand turns', () => {
    expect(codecOf(z.object({ a: z.number() }), 'x').encode({ a: 1 })).toEqual({ a: 1 });
  });

  it('a payload that is left out is an empty object', async () => {
    await expect(encode(z.object({ a: z.string().optional() }), undefined)).resolves.toEqual({});
  });

  it('tells the first five things that do not fit, and how many more there are', async () => {
    const schema = z.array(z.number());
    await expect(encode(schema, Array(7).fill('x'))).rejects.toThrow(
      /^(payload\.\d: [^;]+; ){5}and 2 more$/,
    );
  });

  it('tells the place in every form that the standard allows', async () => {
    const schema: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({
          issues: [
            { message: 'bad' },
            { message: 'worse', path: ['a', 0, { key: 'b' }, Symbol('c')] },
          ],
        }),
      },
    };
    await expect(encode(schema, {})).rejects.toThrow(
      'payload: bad; payload.a.0.b.Symbol(c): worse',
    );
  });
});

describe('a definition without a payload', () => {
  it('takes nothing and an empty object, and gives an empty object', async () => {
    await expect(encode(undefined, undefined)).resolves.toEqual({});
    await expect(encode(undefined, {})).resolves.toEqual({});
    await expect(decode(undefined, {})).resolves.toEqual({});
  });

  it.each([[{ a: 1 }], [[]], ['x'], [null], [5]])(
    'refuses %o, at enqueue and when stored',
    async (payload) => {
      await expect(encode(undefined, payload)).rejects.toThrow(
        failing('MILLRACE_PAYLOAD_INVALID', 'this job takes no payload'),
      );
      await expect(decode(undefined, payload as Json)).rejects.toThrow(
        failing('MILLRACE_PAYLOAD_UNREADABLE', 'this job takes no payload'),
      );
    },
  );
});

describe('a codec of your own', () => {
  it('encodes and decodes with its own state', async () => {
    class Reversed implements PayloadCodec<string, string> {
      readonly separator = '';
      encode = (text: string) => text.split(this.separator).toReversed().join('');
      decode(stored: Json) {
        return this.encode(stored as string);
      }
    }
    await expect(encode(new Reversed(), 'abc')).resolves.toBe('cba');
    await expect(decode(new Reversed(), 'cba')).resolves.toBe('abc');
  });

  it('says how people write its inputs as JSON; otherwise they are written as they are', () => {
    const days: PayloadCodec<Date, Date> = {
      encode: (day) => day.toISOString(),
      decode: (stored) => new Date(stored as string),
      fromJson: (written) => new Date(written as string),
    };
    expect(codecOf(days, 'x').fromJson?.('2026-01-01')).toEqual(new Date('2026-01-01'));
    expect(codecOf(z.string(), 'x').fromJson?.('2026-01-01')).toBe('2026-01-01');
  });

  it.each([
    null,
    5,
    'string',
    {},
    { type: 'object', properties: {} },
    { encode: () => 1 },
    { decode: () => 1 },
    { '~standard': {} },
    () => ({}),
  ])('%o is neither a schema nor a codec', (source) => {
    expect(() => codecOf(source as PayloadSource, 'job.payload')).toThrow(
      failing('MILLRACE_OPTION_INVALID', 'job.payload must be a Standard Schema validator'),
    );
  });
});

describe('a payload as it is stored', () => {
  const limits = { kind: 'mail', version: 1, maxBytes: 4, layers: undefined };

  it('is as long as its JSON in bytes, and no longer than allowed', async () => {
    await expect(encodePayload('ä', undefined, limits)).resolves.toBe('ä');
    await expect(encodePayload('äa', undefined, limits)).rejects.toThrow(
      failing('MILLRACE_PAYLOAD_TOO_LARGE', 'the payload of mail has 5 bytes; 4 are allowed'),
    );
  });

  it('is made by the codec of its kind, or is the JSON that it is', async () => {
    const codec = codecOf({ encode: (input: number) => input + 1, decode: (n) => n }, 'x');
    await expect(encodePayload(1, codec, limits)).resolves.toBe(2);
    await expect(encodePayload(1, undefined, limits)).resolves.toBe(1);
    await expect(encodePayload(() => 1, undefined, limits)).rejects.toThrow(
      failing('MILLRACE_PAYLOAD_NOT_JSON', ''),
    );
  });

  it('is what the middleware of its kind makes of that, and as long', async () => {
    const doubled = { encode: (json: Json) => [json, json], decode: (json: Json) => json };
    const layers = layersOf([doubled], []);
    await expect(encodePayload(1, undefined, { ...limits, maxBytes: 5, layers })).resolves.toEqual([
      1, 1,
    ]);
    await expect(encodePayload(1, undefined, { ...limits, layers })).rejects.toThrow(
      failing('MILLRACE_PAYLOAD_TOO_LARGE', 'the payload of mail has 5 bytes; 4 are allowed'),
    );
  });
});

it.each([
  [5, 'a4: no'],
  [6, 'a4: no; and 1 more'],
])('of %d objections of a schema the first five are told', async (count, end) => {
  const issues = Array.from({ length: count }, (_, index) => ({
    path: [`a${index}`],
    message: 'no',
  }));
  const schema = {
    '~standard': { version: 1, vendor: 'x', validate: () => ({ issues }) },
  } as const;
  await expect(encode(schema as PayloadSource, {})).rejects.toThrow(new RegExp(`${end}$`));
});
