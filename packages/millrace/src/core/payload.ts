import { MillraceError } from './errors.ts';
import { toJson, type Json } from './json.ts';
import { confidentially, transformed, type Layers, type StoredPayload } from './middleware.ts';
import { show } from './text.ts';

/**
 * The part of Standard Schema (standardschema.dev, version 1) that Millrace uses; zod, valibot, arktype and others
 * implement it.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<SchemaIssue> };

interface SchemaIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** How a payload becomes the JSON that is stored, and comes back. */
export interface PayloadCodec<Input, Payload> {
  /** @throws MILLRACE_PAYLOAD_INVALID, MILLRACE_PAYLOAD_NOT_JSON */
  encode(input: Input): Json | Promise<Json>;
  /** @throws anything; it fails this attempt of this job alone */
  decode(stored: Json): Payload | Promise<Payload>;
  /**
   * Makes an input of what people write as JSON, on the command line for example. Default: the JSON is the input. It is
   * not typed as one, because then no codec would be a `PayloadCodec<never, unknown>`, which stands for any of them.
   * @throws MILLRACE_PAYLOAD_INVALID
   */
  fromJson?(written: Json): unknown;
}

/** What a job definition accepts as `payload`. */
export type PayloadSource = StandardSchema<unknown, unknown> | PayloadCodec<never, unknown>;

/** The payload of a definition that names none. */
export type EmptyPayload = Record<string, never>;

declare const noPayload: unique symbol;

/** Nothing is one: its name stands in the compiler's message where a job without payload is given one. */
export interface ThisJobTakesNoPayload {
  readonly [noPayload]: never;
}

/** What is enqueued for a payload source. */
export type PayloadInput<S> =
  S extends StandardSchema<infer Input, unknown>
    ? Input
    : S extends PayloadCodec<infer Input, unknown>
      ? Input
      : Readonly<Record<string, ThisJobTakesNoPayload>>;

/** What the handler gets for a payload source. */
export type PayloadOutput<S> =
  S extends StandardSchema<unknown, infer Output>
    ? Output
    : S extends PayloadCodec<never, infer Payload>
      ? Payload
      : EmptyPayload;

/**
 * The codec of a payload source; a definition without one takes an empty object only. A payload that is left out is an
 * empty object.
 * @throws MILLRACE_OPTION_INVALID
 */
export function codecOf(
  source: PayloadSource | undefined,
  what: string,
): PayloadCodec<unknown, unknown> {
  const codec = source === undefined ? emptyCodec : isSchema(source) ? schemaCodec(source) : source;
  if (!isCodec(codec)) {
    throw new MillraceError(
      'MILLRACE_OPTION_INVALID',
      `${what} must be a Standard Schema validator (zod, valibot, arktype, …) or a codec, not ${show(source)}`,
    );
  }
  return {
    encode: (input) => codec.encode(input === undefined ? {} : input),
    decode: (stored) => codec.decode(stored),
    fromJson: (written) => (codec.fromJson === undefined ? written : codec.fromJson(written)),
  };
}

/**
 * A payload as it is stored, by its codec and its middleware or, where nobody knows the kind, as the JSON that it is.
 * @throws MILLRACE_PAYLOAD_INVALID, MILLRACE_PAYLOAD_NOT_JSON, MILLRACE_PAYLOAD_TOO_LARGE
 */
export async function encodePayload(
  payload: unknown,
  codec: PayloadCodec<unknown, unknown> | undefined,
  about: StoredPayload & { readonly maxBytes: number; readonly layers: Layers | undefined },
): Promise<Json> {
  const { kind, version, maxBytes, layers } = about;
  const made = await confidentially(layers, 'MILLRACE_PAYLOAD_INVALID', () =>
    codec === undefined ? toJson(payload) : codec.encode(payload),
  );
  const stored = await transformed(made, layers?.encode ?? [], { kind, version });
  const bytes = new TextEncoder().encode(JSON.stringify(stored)).length;
  if (bytes > maxBytes) {
    throw new MillraceError(
      'MILLRACE_PAYLOAD_TOO_LARGE',
      `the payload of ${kind} has ${bytes} bytes; ${maxBytes} are allowed`,
    );
  }
  return stored;
}

function isSchema(source: unknown): source is StandardSchema<unknown, unknown> {
  const standard = property(source, '~standard');
  return typeof property(standard, 'validate') === 'function';
}

function isCodec(source: unknown): source is PayloadCodec<unknown, unknown> {
  return (
    typeof property(source, 'encode') === 'function' &&
    typeof property(source, 'decode') === 'function'
  );
}

/** Schemas may be functions, so both kinds of object are looked into. */
function property(value: unknown, key: string): unknown {
  return typeof value === 'function' || (typeof value === 'object' && value !== null)
    ? (value as unknown as Record<string, unknown>)[key]
    : undefined;
}

/**
 * What is stored is the input as JSON, and it is this JSON that the schema judges, at enqueue and again before the
 * handler: what was accepted once can be read later, and transformations run where the handler runs.
 */
function schemaCodec(schema: StandardSchema<unknown, unknown>): PayloadCodec<unknown, unknown> {
  const validate = (value: unknown) => schema['~standard'].validate(value);
  return {
    encode(input) {
      const stored = toJson(input);
      const judged = validate(stored);
      if (!(judged instanceof Promise)) return accept(judged, stored);
      return judged.then((result) => accept(result, stored));
    },
    decode(stored) {
      const judged = validate(stored);
      return judged instanceof Promise ? judged.then(read) : read(judged);
    },
  };
}

function read(result: SchemaResult<unknown>): unknown {
  if (result.issues === undefined) return result.value;
  throw new MillraceError('MILLRACE_PAYLOAD_UNREADABLE', describe(result.issues));
}

function accept(result: SchemaResult<unknown>, stored: Json): Json {
  if (result.issues === undefined) return stored;
  throw new MillraceError('MILLRACE_PAYLOAD_INVALID', describe(result.issues));
}

const maxIssuesShown = 5;

function describe(issues: readonly SchemaIssue[]): string {
  const shown = issues
    .slice(0, maxIssuesShown)
    .map((issue) => `${pathOf(issue)}: ${issue.message}`);
  const more = issues.length - shown.length;
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

function pathOf(issue: SchemaIssue): string {
  const keys = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  return ['payload', ...keys].join('.');
}

const emptyCodec: PayloadCodec<unknown, unknown> = {
  encode(input) {
    const stored = toJson(input);
    if (isEmpty(stored)) return stored;
    throw new MillraceError('MILLRACE_PAYLOAD_INVALID', 'payload: this job takes no payload');
  },
  decode(stored) {
    if (isEmpty(stored)) return {};
    throw new MillraceError('MILLRACE_PAYLOAD_UNREADABLE', 'payload: this job takes no payload');
  },
};

function isEmpty(value: Json): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length === 0
  );
}
