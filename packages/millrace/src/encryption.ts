export { encryption } from './codecs/encryption.ts';

export type { Encryption, EncryptionOptions } from './codecs/encryption.ts';
