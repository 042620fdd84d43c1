import { MillraceError } from './errors.ts';

/** Marks JSON that `encryption(…)` made; its value is the version of the form. */
export const envelopeMark = 'millrace:encrypted';

/** What is stored of an encrypted payload or result. */
export interface Envelope {
  readonly [envelopeMark]: 1;
  /** The id of the key. */
  readonly kid: string;
  /** The payload version; only of payloads. */
  readonly version?: number;
  /** Base64 of 12 bytes of initialization vector, the ciphertext, and 16 bytes of authentication tag. */
  readonly data: string;
}

/** The id of the key that this was encrypted with; undefined when it is not encrypted. */
export function keyIdOf(stored: unknown): string | undefined {
  if (typeof stored !== 'object' || stored === null || !(envelopeMark in stored)) return undefined;
  const { kid } = stored as Partial<Envelope>;
  return typeof kid === 'string' ? kid : '';
}

/** What an encrypted payload is to whoever cannot decrypt it. */
export function sealedError(kid: string): MillraceError {
  return new MillraceError(
    'MILLRACE_ENCRYPTION_KEY_MISSING',
    `the payload is encrypted with the key '${kid}', and nothing here decrypts it`,
  );
}
