// Frames in one piece of bytes, each with its length in four bytes before it, as over TCP.
import { HansaError } from '@hansa/foundation';
import { frameBytesMax } from '../frames/limits.ts';
import { batchBytesMax } from '../wire.ts';

const lengthBytes = 4;
const firstBytes = 1_024; // a frame that stands alone, and what follows it in the same moment

/** Frames as they come, until it is taken; they may be used otherwise as soon as they are in it. */
export class Batch {
  #bytes: Uint8Array = new Uint8Array(firstBytes);
  #length = 0;
  /** What its frames have. */
  frameBytes = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Whether one more fits: of any length into an empty one. */
  fits({ length }: Uint8Array): boolean {
    return this.isEmpty || this.#length + lengthBytes + length <= batchBytesMax;
  }

  add(frame: Uint8Array): void {
    const at = this.#length;
    this.#length = at + lengthBytes + frame.length;
    this.frameBytes += frame.length;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    new DataView(this.#bytes.buffer).setUint32(at, frame.length);
    this.#bytes.set(frame, at + lengthBytes);
  }
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
