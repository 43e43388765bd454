// Reads a frame from its start to its end. Every step asks first whether the bytes are there.
import { malformed } from './malformed.ts';
import { textAt } from './text.ts';

const floatBytes = new Uint8Array(8);
const floatView = new DataView(floatBytes.buffer);

/** What exceeds it is read as this: see messages.ts. */
const u64HighMax = 0x1f_ffff;

export class Cursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  /** Where the next `length` bytes begin, having stepped over them. */
  take(length: number): number {
    const start = this.at;
    if (this.end - start < length) {
      throw malformed('the frame ends before its message does');
    }
    this.at = start + length;
    return start;
  }

  u8(): number {
    return this.bytes[this.take(1)] as number;
  }

  u16(): number {
    const at = this.take(2);
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }

  u32(): number {
    return u32At(this.bytes, this.take(4));
  }

  u64(): number {
    const at = this.take(8);
    const high = u32At(this.bytes, at);
    return high > u64HighMax
      ? Number.MAX_SAFE_INTEGER
      : high * 0x1_0000_0000 + u32At(this.bytes, at + 4);
  }

  /** Every bit of it. */
  bigU64(): bigint {
    const at = this.take(8);
    return (BigInt(u32At(this.bytes, at)) << 32n) | BigInt(u32At(this.bytes, at + 4));
  }

  f32(): number {
    const at = this.take(4);
    floatBytes.set(this.bytes.subarray(at, at + 4));
    return floatView.getFloat32(0);
  }

  f64(): number {
    const at = this.take(8);
    floatBytes.set(this.bytes.subarray(at, at + 8));
    return floatView.getFloat64(0);
  }

  /** Two bytes of length, then UTF-8. */
  text(): string {
    return this.textOf(this.u16());
  }

  textOf(length: number): string {
    const start = this.take(length);
    const text = textAt(this.bytes, start, this.at);
    if (text === undefined) {
      throw malformed('a text in the frame is not UTF-8');
    }
    return text;
  }

  /** A view, not a copy. */
  view(length: number): Uint8Array {
    const start = this.take(length);
    return this.bytes.subarray(start, this.at);
  }
}

export function u32At(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) * 0x100_0000 +
    (((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number))
  );
}
