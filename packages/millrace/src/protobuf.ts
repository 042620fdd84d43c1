/**
 * Payloads that are protobuf messages.
 *
 * @module millrace/protobuf
 */
export { protobuf, type ProtobufOptions } from './codecs/protobuf.ts';
