// Keys as tuples whose byte order is their order: the encoding of FoundationDB's tuple layer (its
// specification "Tuple Layer Typecodes") for the three types keys are made of here: byte strings
// (0x01), text (0x02) and non-negative integers up to 2^53-1 (0x14 + their length in bytes).
import { concatBytes, fromUtf8, utf8 } from '../bytes.ts';

export type TuplePart = string | number | Uint8Array;

const bytesCode = 0x01;
const textCode = 0x02;
const zeroCode = 0x14;

export function packTuple(parts: readonly TuplePart[]): Uint8Array {
  return concatBytes(parts.map(packPart));
}

function packPart(part: TuplePart): Uint8Array {
  if (typeof part === 'number') {
    return packInteger(part);
  }
  return typeof part === 'string'
    ? packTerminated(textCode, utf8(part))
    : packTerminated(bytesCode, part);
}

function packInteger(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`a key number is a safe non-negative integer, not ${value}`);
  }
  let digits = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) {
    digits += 1;
  }
  const packed = new Uint8Array(1 + digits);
  packed[0] = zeroCode + digits;
  for (let at = digits, rest = value; at > 0; at -= 1, rest = Math.floor(rest / 256)) {
    packed[at] = rest % 256;
  }
  return packed;
}

// A zero byte inside is escaped as 00 FF, so that the terminating 00 sorts before every longer
// string.
function packTerminated(code: number, bytes: Uint8Array): Uint8Array {
  let zeros = 0;
  for (const byte of bytes) {
    zeros += byte === 0 ? 1 : 0;
  }
  const packed = new Uint8Array(bytes.length + zeros + 2);
  packed[0] = code;
  let at = 1;
  for (const byte of bytes) {
    packed[at] = byte;
    at += 1;
    if (byte === 0) {
      packed[at] = 0xff;
      at += 1;
    }
  }
  return packed;
}

/** Throws a RangeError on bytes that `packTuple` does not make. */
export function unpackTuple(bytes: Uint8Array): TuplePart[] {
  const parts: TuplePart[] = [];
  let at = 0;
  while (at < bytes.length) {
    const code = bytes[at] ?? 0;
    const [part, next] =
      code === bytesCode || code === textCode
        ? unpackTerminated(bytes, at)
        : unpackInteger(bytes, at);
    parts.push(part);
    at = next;
  }
  return parts;
}

function unpackTerminated(bytes: Uint8Array, from: number): [TuplePart, number] {
  const content: number[] = [];
  for (let at = from + 1; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0 && bytes[at + 1] !== 0xff) {
      const raw = Uint8Array.from(content);
      return [bytes[from] === textCode ? fromUtf8(raw) : raw, at + 1];
    }
    content.push(byte);
    at += byte === 0 ? 1 : 0;
  }
  throw new RangeError('a key string does not end');
}

function unpackInteger(bytes: Uint8Array, from: number): [number, number] {
  const length = (bytes[from] ?? 0) - zeroCode;
  if (length < 0 || length > 7 || from + length >= bytes.length) {
    throw new RangeError('not a key of ours');
  }
  let value = 0;
  for (let i = 1; i <= length; i += 1) {
    value = value * 256 + (bytes[from + i] ?? 0);
  }
  if (!Number.isSafeInteger(value)) {
    throw new RangeError('a key holds a number above 2^53 - 1');
  }
  return [value, from + 1 + length];
}
