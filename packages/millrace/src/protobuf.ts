export { protobuf, type ProtobufOptions } from './codecs/protobuf.ts';
