// Writes frames into one scratch that is as large as a frame may be, and hands out exact copies:
// nothing grows, and what is kept keeps nothing else alive.
import { frameBytesMax, headerBytes, frameTimestampBytes } from './limits.ts';
import { tooLarge } from './malformed.ts';
import type { WireValue } from './messages.ts';
import { textBytes } from './text.ts';

const floatBytes = new Uint8Array(8);
const floatView = new DataView(floatBytes.buffer);
const lengthMax = 0xffff; // what two bytes of length can say

/** Copying byte by byte is quicker than a call up to here. */
const shortCopyMax = 24;

export class FrameWriter {
  readonly #bytes: Uint8Array = new Uint8Array(frameBytesMax);
  /** Where the payload begins, whether or not a timestamp stands before it. */
  static readonly start: number = headerBytes + frameTimestampBytes;
  at: number = FrameWriter.start;

  reset(): void {
    this.at = FrameWriter.start;
  }

  get payloadLength(): number {
    return this.at - FrameWriter.start;
  }

  /** A copy of what was written from `start` on. */
  copy(start: number): Uint8Array {
    return this.#bytes.slice(start, this.at);
  }

  take(length: number): number {
    const start = this.at;
    if (frameBytesMax - start < length) {
      throw tooLarge('the message does not fit into one frame of 65,535 bytes');
    }
    this.at = start + length;
    return start;
  }

  u8(value: number): void {
    const at = this.take(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.take(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
  }

  u32(value: number): void {
    const at = this.take(4);
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
  }

  u64(value: number): void {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
      throw tooLarge(`${value} is no unsigned number that a frame can carry`);
    }
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value >>> 0);
  }

  f64(value: number): void {
    floatView.setFloat64(0, value);
    this.raw(floatBytes);
  }

  raw(source: Uint8Array): void {
    const at = this.take(source.length);
    if (source.length > shortCopyMax) {
      this.#bytes.set(source, at);
      return;
    }
    for (let i = 0; i < source.length; i += 1) {
      this.#bytes[at + i] = source[i] as number;
    }
  }

  /** Two bytes of length, then UTF-8. */
  text(text: string): void {
    if (text.length > lengthMax) {
      throw tooLarge('a text is over 65,535 bytes');
    }
    const lengthAt = this.take(2);
    const at = this.take(text.length);
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.at = lengthAt;
        this.counted(textBytes(text));
        return;
      }
      this.#bytes[at + i] = code;
    }
    this.#bytes[lengthAt] = text.length >>> 8;
    this.#bytes[lengthAt + 1] = text.length;
  }

  /** Two bytes of length, then the bytes. */
  counted(bytes: Uint8Array): void {
    if (bytes.length > lengthMax) {
      throw tooLarge('a text, a byte string or a bundled message is over 65,535 bytes');
    }
    this.u16(bytes.length);
    this.raw(bytes);
  }

  /** The number of what follows. */
  count(count: number): void {
    if (count > lengthMax) {
      throw tooLarge('a list has over 65,535 entries');
    }
    this.u16(count);
  }

  /** Its type, then its data. */
  value(value: WireValue): void {
    this.u8(value.type);
    this.raw(value.data);
  }
}
