// Frames on a byte stream: `[u32 length, big-endian][bytes]`. The native library takes and gives
// plain arrays of numbers, whose fastest conversions are the loops used here.
import { concatBytes, frameBytesMax, HansaError } from '@hansa/foundation';

// The fastest write; larger ones also hold up the event loop for up to 250 ms.
export const writeChunkBytes: number = 4 * 1_024;
export const readChunkBytes: number = 8 * 1_024; // the fastest read
const headerBytes = 4;

export function frameTooLarge(bytes: number): HansaError {
  return new HansaError('FRAME_TOO_LARGE', `a frame of ${bytes} bytes is over the limit`, {
    facts: { bytes, bytesMax: frameBytesMax },
  });
}

/** Packs frames into as few full chunks as possible and writes each when it is full. */
export class FrameWriter {
  readonly #write: (chunk: number[]) => Promise<void>;
  // One array for ever: the library has copied it when `write` returns its promise.
  readonly #chunk: number[] = Array.from({ length: writeChunkBytes }, () => 0);
  #filled = 0;

  constructor(write: (chunk: number[]) => Promise<void>) {
    this.#write = write;
  }

  async add(frame: Uint8Array): Promise<void> {
    await this.#put(header(frame.length));
    await this.#put(frame);
  }

  async flush(): Promise<void> {
    const filled = this.#filled;
    this.#filled = 0;
    if (filled > 0) {
      const whole = filled === writeChunkBytes;
      await this.#write(whole ? this.#chunk : this.#chunk.slice(0, filled));
    }
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + writeChunkBytes - this.#filled);
      for (; at < end; at += 1) {
        this.#chunk[this.#filled] = bytes[at] ?? 0;
        this.#filled += 1;
      }
      if (this.#filled === writeChunkBytes) {
        await this.flush();
      }
    }
  }
}

/** Takes bytes as they come and gives whole frames; holds what arrived, not what is announced. */
export class FrameReader {
  #parts: Uint8Array[] = [];
  #held = 0;
  // What the next step needs: a header, then as many bytes as it says.
  #needed = headerBytes;
  #inBody = false;

  /** FRAME_TOO_LARGE as soon as a header says so. */
  *feed(piece: readonly number[]): Generator<Uint8Array> {
    const bytes = new Uint8Array(piece.length);
    bytes.set(piece);
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + this.#needed - this.#held);
      at += part.length;
      this.#parts.push(part);
      this.#held += part.length;
      const frame = this.#held === this.#needed ? this.#step() : undefined;
      if (frame !== undefined) {
        yield frame;
      }
    }
  }

  /** A stream that ends inside a frame has lost something. */
  end(): void {
    if (this.#held > 0 || this.#inBody) {
      throw new HansaError('CONNECTION_CLOSED', 'the stream ended inside a frame');
    }
  }

  #step(): Uint8Array | undefined {
    const whole = concatBytes(this.#parts);
    this.#parts = [];
    this.#held = 0;
    if (this.#inBody) {
      this.#expect(headerBytes, false);
      return whole;
    }
    const length = new DataView(whole.buffer).getUint32(0);
    if (length > frameBytesMax) {
      throw frameTooLarge(length);
    }
    if (length === 0) {
      return new Uint8Array(0);
    }
    this.#expect(length, true);
    return undefined;
  }

  #expect(bytes: number, inBody: boolean): void {
    this.#needed = bytes;
    this.#inBody = inBody;
  }
}

function header(length: number): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}
