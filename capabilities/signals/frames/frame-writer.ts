// Writes frames one behind the other into a piece of memory, and hands out views of it: memory for
// each frame by itself would cost more than all that is written into it. So whoever keeps a frame
// for longer than a moment keeps a copy; see `ownBytes`.
import { frameBytesMax, headerBytes, frameTimestampBytes } from './limits.ts';
import { tooLarge } from './malformed.ts';
import type { WireValue } from './messages.ts';
import { textBytes } from './text.ts';

const floatBytes = new Uint8Array(8);
const floatView = new DataView(floatBytes.buffer);
const lengthMax = 0xffff; // what two bytes of length can say

/** Copying byte by byte is quicker than a call up to here. */
const shortCopyMax = 24;
/** At least half of it is used, whatever the frames are. */
const pieceBytes: number = 2 * frameBytesMax;

const headerRoom: number = headerBytes + frameTimestampBytes;

export class FrameWriter {
  #bytes: Uint8Array = new Uint8Array(pieceBytes);
  /** What stands before it was handed out. */
  #free = 0;
  at: number = headerRoom;

  reset(): void {
    if (pieceBytes - this.#free < frameBytesMax) {
      this.#bytes = new Uint8Array(pieceBytes);
      this.#free = 0;
    }
    this.at = this.start;
  }

  /** Where the payload begins, whether or not a timestamp stands before it. */
  get start(): number {
    return this.#free + headerRoom;
  }

  get payloadLength(): number {
    return this.at - this.start;
  }

  /** What was written from `start` on: a view that nobody writes into again. */
  cut(start: number): Uint8Array {
    this.#free = this.at;
    return this.#bytes.subarray(start, this.at);
  }

  take(length: number): number {
    const start = this.at;
    if (this.#free + frameBytesMax - start < length) {
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

/** Bytes that keep nothing else alive: a view keeps all of what it is a view of. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength > 2 * bytes.length ? new Uint8Array(bytes) : bytes;
}
