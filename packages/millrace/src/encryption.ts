/**
 * Encrypts payloads and results before they are stored.
 *
 * @module millrace/encryption
 */
export { encryption } from './codecs/encryption.ts';

export type { Encryption, EncryptionOptions } from './codecs/encryption.ts';
