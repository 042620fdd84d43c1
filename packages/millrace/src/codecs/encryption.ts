/** Payloads and results that nobody reads in the database: AES-256-GCM by node:crypto, as middleware. */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { envelopeMark, keyIdOf, type Envelope } from '../core/envelope.ts';
import { MillraceError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { toJson, type Json } from '../core/json.ts';
import type { Middleware } from '../core/middleware.ts';
import { check, checkOptions } from '../core/options.ts';
import { outcomeRequest } from '../core/outcome.ts';

/** What `encryption` takes. */
export interface EncryptionOptions {
  /**
   * Keys of 32 random bytes, as bytes or in base64, by an id that is stored, readable, with all that they encrypt. Keep a key
   * here as long as anything is stored that it encrypted.
   */
  readonly keys: Readonly<Record<string, string | Uint8Array>>;
  /** The id of the key that encrypts from now on; all others decrypt only. */
  readonly current: string;
  /** Whether what handlers return is encrypted, too. Default true. */
  readonly results?: boolean;
  /**
   * Whether payloads that are not encrypted still run, such as those from before or from SQL. Say false when none is left: then
   * nobody without a key can make a job. Default true.
   */
  readonly allowPlain?: boolean;
}

/** Encrypts and decrypts, as middleware for `use`; and shows what is stored to whoever has the keys. */
export interface Encryption extends Required<Pick<Middleware, 'attempt' | 'encode' | 'decode'>> {
  readonly confidential: true;
  /**
   * Payload and result of a job as they are beneath the encryption; what is not encrypted, as it is.
   * @throws MILLRACE_ENCRYPTION_KEY_MISSING, MILLRACE_ENCRYPTION_INVALID
   */
  open(job: Pick<Job, 'id' | 'kind' | 'payload' | 'result'>): {
    readonly payload: Json;
    readonly result: Json;
  };
}

const algorithm = 'aes-256-gcm';
const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/**
 * Encrypts the payloads of jobs, and their results, before they are stored: `createMillrace({ use: [encryption({ keys,
 * current })], … })`, or in `use` of one definition. A ciphertext is bound to its kind and version, a result to its job.
 * Whoever enqueues and whoever runs jobs needs the keys; the database and whoever looks at it do not.
 *
 * Tags, unique keys, progress, lines of the log and errors of handlers stay readable.
 * @throws MILLRACE_OPTION_UNKNOWN, MILLRACE_OPTION_INVALID
 */
export function encryption(options: EncryptionOptions): Encryption {
  const checked = checkOptions(encryptionChecks, options, 'encryption');
  const { results = true, allowPlain = true } = checked;
  const keys = keysOf(options.keys);
  const { current = '' } = checked;
  const currentKey = keys.get(current);
  if (currentKey === undefined)
    throw invalidOption(`current must be the id of one of keys; '${current}' is none`);

  const seal = (json: Json, bound: readonly Json[], rest: { version?: number } = {}): Json => {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv(algorithm, currentKey, iv, { authTagLength: tagBytes });
    cipher.setAAD(boundTo(current, bound));
    const text = [iv, cipher.update(JSON.stringify(json), 'utf8'), cipher.final()];
    const data = Buffer.concat([...text, cipher.getAuthTag()]).toString('base64');
    return { [envelopeMark]: 1, kid: current, ...rest, data };
  };
  const open = (stored: Json, what: string, bound: readonly Json[]): Json => {
    const kid = keyIdOf(stored);
    if (kid === undefined) return stored;
    const key = keys.get(kid);
    if (key === undefined) {
      throw new MillraceError(
        'MILLRACE_ENCRYPTION_KEY_MISSING',
        `the ${what} is encrypted with the key '${kid}', which is not among the keys of encryption(…) here`,
      );
    }
    return decrypted(stored as unknown as Envelope, key, what, bound);
  };
  const openPayload = (stored: Json, kind: string, version: number | undefined) =>
    open(stored, 'payload', ['payload', kind, version ?? null]);

  return {
    confidential: true,
    encode: (payload, { kind, version }) => seal(payload, ['payload', kind, version], { version }),
    decode(stored, { kind, version }) {
      if (!allowPlain && keyIdOf(stored) === undefined) {
        throw new MillraceError(
          'MILLRACE_ENCRYPTION_INVALID',
          `the payload of '${kind}' is not encrypted, and allowPlain is false`,
        );
      }
      return openPayload(stored, kind, version);
    },
    async attempt({ id, kind }, next) {
      const returned = await next();
      const result = results ? resultOf(returned) : undefined;
      return result === undefined ? returned : seal(result, ['result', kind, id]);
    },
    open: ({ id, kind, payload, result }) => ({
      payload: openPayload(payload, kind, (payload as Partial<Envelope> | null)?.version),
      result: open(result, 'result', ['result', kind, id]),
    }),
  };
}

const encryptionChecks = {
  keys: check.any,
  current: check.text(100),
  results: check.boolean,
  allowPlain: check.boolean,
} as const;

/** What is wrong with a key must not be said by showing it. */
function keysOf(given: unknown): ReadonlyMap<string, KeyObject> {
  if (typeof given !== 'object' || given === null || Object.keys(given).length === 0)
    throw invalidOption('keys must be an object of one key or more, by their ids');
  return new Map(
    Object.entries(given).map(([id, key]: [string, unknown]) => {
      check.text(100)(id, 'encryption: an id in keys');
      const bytes =
        typeof key === 'string' ? Buffer.from(key, 'base64') : key instanceof Uint8Array ? key : [];
      if (bytes.length !== keyBytes)
        throw invalidOption(`keys['${id}'] must be ${keyBytes} bytes, as bytes or in base64`);
      return [id, createSecretKey(Buffer.from(bytes))];
    }),
  );
}

function invalidOption(message: string): MillraceError {
  return new MillraceError('MILLRACE_OPTION_INVALID', `encryption: ${message}`);
}

/** What a ciphertext cannot be taken away from, as bytes that are the same wherever they are made. */
function boundTo(kid: string, bound: readonly Json[]): Buffer {
  return Buffer.from(JSON.stringify([envelopeMark, 1, kid, ...bound]));
}

/** The plain text is ours once its tag has been verified. */
function decrypted(
  { kid, data, [envelopeMark]: form }: Envelope,
  key: KeyObject,
  what: string,
  bound: readonly Json[],
): Json {
  try {
    if (form !== 1 || typeof data !== 'string') throw new Error('not of this form');
    const bytes = Buffer.from(data, 'base64');
    const iv = bytes.subarray(0, ivBytes);
    const decipher = createDecipheriv(algorithm, key, iv, { authTagLength: tagBytes });
    decipher.setAAD(boundTo(kid, bound));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    const text = [decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()];
    return JSON.parse(Buffer.concat(text).toString()) as Json;
  } catch {
    throw new MillraceError(
      'MILLRACE_ENCRYPTION_INVALID',
      `the ${what} cannot be decrypted with the key '${kid}': it was changed, belongs to another ${what === 'payload' ? 'kind or version' : 'job'}, or the key is another one of the same id`,
    );
  }
}

/** What is kept of what an attempt returned; undefined where that is nothing, a request, or is dropped for it is no JSON. */
function resultOf(returned: unknown): Json | undefined {
  if (returned === undefined || returned === null || outcomeRequest(returned) !== undefined)
    return undefined;
  try {
    return toJson(returned, 'result');
  } catch {
    return undefined;
  }
}
