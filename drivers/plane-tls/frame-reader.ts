// Frames on a byte stream: `[u32 length, big-endian][bytes]`, each copied once on its way in.
import { frameBytesMax, HansaError } from '@hansa/foundation';

export const headerBytes = 4;

export function frameTooLarge(bytes: number, bytesMax: number = frameBytesMax): HansaError {
  return new HansaError('FRAME_TOO_LARGE', `a frame of ${bytes} bytes is over the limit`, {
    facts: { bytes, bytesMax },
  });
}

export class FrameReader {
  readonly #header = Buffer.alloc(headerBytes);
  #limit: number;
  #frame: Uint8Array | undefined;
  #filled = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  setLimit(bytes: number): void {
    this.#limit = bytes;
  }

  /** FRAME_TOO_LARGE as soon as a header says so, before any room is made. */
  *feed(bytes: Buffer): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length;) {
      const into = this.#frame ?? this.#header;
      const end = Math.min(bytes.length, at + into.length - this.#filled);
      into.set(bytes.subarray(at, end), this.#filled);
      this.#filled += end - at;
      at = end;
      const frame = this.#filled === into.length ? this.#step() : undefined;
      if (frame !== undefined) {
        yield frame;
      }
    }
  }

  /** A stream that ends inside a frame has lost something. */
  get isBetween(): boolean {
    return this.#frame === undefined && this.#filled === 0;
  }

  #step(): Uint8Array | undefined {
    this.#filled = 0;
    if (this.#frame !== undefined) {
      const whole = this.#frame;
      this.#frame = undefined;
      return whole;
    }
    const length = this.#header.readUInt32BE(0);
    if (length > this.#limit) {
      throw frameTooLarge(length, this.#limit);
    }
    if (length === 0) {
      return new Uint8Array(0);
    }
    this.#frame = new Uint8Array(length);
    return undefined;
  }
}
