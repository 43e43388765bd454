// Frames in one piece of bytes, each with its length in four bytes before it, as over TCP.
import { HansaError } from '@hansa/foundation';
import { frameBytesMax } from '../frames/limits.ts';

export const lengthBytes = 4;

export function packFrames(frames: readonly Uint8Array[]): Uint8Array {
  const size = frames.reduce((sum, frame) => sum + lengthBytes + frame.length, 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const frame of frames) {
    view.setUint32(at, frame.length);
    bytes.set(frame, at + lengthBytes);
    at += lengthBytes + frame.length;
  }
  return bytes;
}

/** PROTOCOL_BREACH where they are none. */
export function unpackFrames(bytes: Uint8Array): readonly Uint8Array[] {
  const { buffer, byteOffset, length } = bytes;
  const view = new DataView(buffer, byteOffset, length);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < length;) {
    const size = length - at < lengthBytes ? Number.POSITIVE_INFINITY : view.getUint32(at);
    const from = at + lengthBytes;
    if (size > frameBytesMax || size > length - from) {
      throw new HansaError('PROTOCOL_BREACH', 'what came over a link is no batch of frames');
    }
    frames.push(new Uint8Array(buffer, byteOffset + from, size));
    at = from + size;
  }
  return frames;
}
