export { createMsgpackCodec } from './msgpack-codec.ts';
export { depthMax, encodedBytesMax, valuesMax } from './limits.ts';
