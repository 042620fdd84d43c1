import { MillraceError } from './errors.ts';

/** A value that JSON carries without loss. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Deeper nesting than this is refused: PostgreSQL's parser and most readers recurse. */
const maxDepth = 500;

/**
 * A copy of `value` as plain JSON, or an error that names the first place JSON would lose something: BigInt, undefined,
 * functions, symbols, Map and other class instances, NaN, cycles, NUL and lone surrogates (which PostgreSQL's jsonb
 * refuses). Objects with `toJSON`, such as Date and URL, become what it returns.
 * @throws MILLRACE_PAYLOAD_NOT_JSON
 */
export function toJson(value: unknown, what = 'payload'): Json {
  return copy(value, what, 0, new Set());
}

function copy(value: unknown, path: string, depth: number, open: Set<object>): Json {
  switch (typeof value) {
    case 'string':
      return checkText(value, path);
    case 'number':
      if (!Number.isFinite(value)) throw refuse(path, `${value} is not a JSON number`);
      return value;
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : copyObject(value, path, depth, open);
    case 'undefined':
      throw refuse(path, 'undefined would be dropped; leave the key out or use null');
    case 'bigint':
      throw refuse(path, 'a BigInt has no JSON form; use a string or protobuf(…)');
    default:
      throw refuse(path, `a ${typeof value} has no JSON form`);
  }
}

function copyObject(value: object, path: string, depth: number, open: Set<object>): Json {
  if (depth >= maxDepth) throw refuse(path, `nested deeper than ${maxDepth} levels`);
  if (open.has(value)) throw refuse(path, 'the value contains itself');
  open.add(value);
  try {
    // Its toJSON would answer with null.
    if (value instanceof Date && Number.isNaN(value.getTime()))
      throw refuse(path, 'an invalid date has no JSON form');
    if (hasToJson(value)) return copy(value.toJSON(), path, depth + 1, open);
    if (Array.isArray(value)) {
      return Array.from(value, (item, index) => copy(item, `${path}[${index}]`, depth + 1, open));
    }
    if (!isPlain(value)) {
      throw refuse(path, `a ${value.constructor?.name ?? 'class instance'} has no JSON form`);
    }
    const result: Record<string, Json> = {};
    for (const [key, item] of Object.entries(value)) {
      const child = copy(item, `${path}.${key}`, depth + 1, open);
      // Plain assignment to this one key would set the prototype instead of a property.
      if (key === '__proto__')
        Object.defineProperty(result, key, { value: child, enumerable: true });
      else result[checkText(key, `${path} (a key)`)] = child;
    }
    return result;
  } finally {
    open.delete(value);
  }
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}

/** Object literals, also those of another realm (a `vm` context, as test runners use), whose Object is not ours. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function checkText(text: string, path: string): string {
  if (text.includes('\u0000')) throw refuse(path, 'the text contains a NUL character (U+0000)');
  if (!text.isWellFormed()) throw refuse(path, 'the text contains a lone surrogate');
  return text;
}

function refuse(path: string, reason: string): MillraceError {
  return new MillraceError('MILLRACE_PAYLOAD_NOT_JSON', `${path}: ${reason}`);
}
