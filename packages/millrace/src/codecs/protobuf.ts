/** Payloads that are protobuf messages, as protobuf-es (`@bufbuild/protobuf`, version 2) generates them. */
import {
  clone,
  create,
  fromBinary,
  fromJson,
  isMessage,
  toBinary,
  toJson as toProtoJson,
  type DescMessage,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire';
import { isMillraceError, MillraceError } from '../core/errors.ts';
import { isPlain, toJson, type Json } from '../core/json.ts';
import { check, checkOptions } from '../core/options.ts';
import type { PayloadCodec } from '../core/payload.ts';

/** What `protobuf` takes beside the message type. */
export interface ProtobufOptions {
  /**
   * How messages are stored. `json`: as ProtoJSON, which people and SQL can read; messages with unknown fields are
   * refused at enqueue. `binary`: exact to the byte, unknown fields included. Default `json`. Jobs that wait when this
   * is changed can no longer be read.
   */
  readonly encoding?: 'json' | 'binary';
}

/**
 * The payload of a job is a protobuf message: `defineJob({ payload: protobuf(SendEmailSchema), … })`. Enqueueing takes
 * a message, or what `create(SendEmailSchema, …)` takes; the handler gets a message.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID
 */
export function protobuf<Desc extends DescMessage>(
  schema: Desc,
  options: ProtobufOptions = {},
): PayloadCodec<MessageInitShape<Desc>, MessageShape<Desc>> {
  const checked = checkOptions({ encoding: check.oneOf('json', 'binary') }, options, 'protobuf');
  const form = checked.encoding === 'binary' ? binary : readable;
  return {
    encode: (input) =>
      rethrow('MILLRACE_PAYLOAD_INVALID', () => form.encode(schema, messageOf(schema, input))),
    decode: (stored) => rethrow('MILLRACE_PAYLOAD_UNREADABLE', () => form.decode(schema, stored)),
    fromJson: (written) =>
      rethrow('MILLRACE_PAYLOAD_INVALID', () => fromJson(schema, written as JsonValue)),
  };
}

/** A checked copy of what was enqueued: every field is there, of its type and in its range. */
function messageOf<Desc extends DescMessage>(
  schema: Desc,
  input: MessageInitShape<Desc>,
): MessageShape<Desc> {
  // Creating checks no value; setting fields one by one, as the copy does, checks each.
  const message = clone(schema, create(schema, input));
  const lost = firstLost(input, message, 'payload');
  if (lost !== undefined) throw new Error(`${schema.typeName} does not take this value of ${lost}`);
  return message;
}

/** Where creating passed over something that it was given: a name that is no field, a value of a wrong form. */
function firstLost(given: unknown, made: unknown, path: string): string | undefined {
  if (given === undefined) return undefined;
  if (given instanceof Uint8Array) return made instanceof Uint8Array ? undefined : path;
  if (!isObject(given) || !isObject(made)) return Object.is(given, made) ? undefined : path;
  if (!Array.isArray(given) && !isPlain(given) && !isMessage(given)) return path;
  for (const [key, value] of Object.entries(given)) {
    const lost = firstLost(value, made[key], `${path}.${key}`);
    if (lost !== undefined) return lost;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** How a message is stored and read back. */
interface Form {
  encode<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Json;
  decode<Desc extends DescMessage>(schema: Desc, stored: Json): MessageShape<Desc>;
}

const readable: Form = {
  encode(schema, message) {
    const all = toBinary(schema, message);
    const known = toBinary(schema, message, { writeUnknownFields: false });
    if (all.length !== known.length) {
      throw new Error(
        `the message has fields that ${schema.typeName} does not know; encoding: 'binary' keeps them`,
      );
    }
    return toJson(toProtoJson(schema, message));
  },
  decode: (schema, stored) => fromJson(schema, stored as JsonValue),
};

const binary: Form = {
  encode: (schema, message) => ({
    typeName: schema.typeName,
    base64: base64Encode(toBinary(schema, message)),
  }),
  decode(schema, stored) {
    const { typeName, base64 } = Object(stored) as { typeName?: unknown; base64?: unknown };
    if (typeName !== schema.typeName || typeof base64 !== 'string') {
      throw new Error(`this is no binary message of type ${schema.typeName}`);
    }
    return fromBinary(schema, base64Decode(base64));
  },
};

function rethrow<T>(
  code: 'MILLRACE_PAYLOAD_INVALID' | 'MILLRACE_PAYLOAD_UNREADABLE',
  body: () => T,
): T {
  try {
    return body();
  } catch (cause) {
    if (isMillraceError(cause)) throw cause;
    throw new MillraceError(code, `payload: ${(cause as Error).message}`, { cause });
  }
}
