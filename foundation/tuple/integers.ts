// Integers of any size as parts of tuples: the code says sign and length, the bytes are big-endian,
// flipped where the integer is negative; so the larger one sorts behind.

const zeroCode = 0x14;
const shortBytesMax = 8; // what a code says by itself; longer ones have a byte for their length
const longBytesMax = 255; // what that byte holds
const longNegativeCode = 0x0b;
const longPositiveCode = 0x1d;
const numberBytes = 7; // what a safe integer has at most

export function isIntegerCode(code: number): boolean {
  return code >= longNegativeCode && code <= longPositiveCode;
}

export function packInteger(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) {
    throw new RangeError(`a number of a tuple is a safe integer, not ${value}; else a double`);
  }
  const size = Math.abs(value);
  let digits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) {
    digits += 1;
  }
  const negative = value < 0;
  const flip = negative ? 0xff : 0;
  const packed = new Uint8Array(1 + digits);
  packed[0] = negative ? zeroCode - digits : zeroCode + digits;
  for (let at = digits, rest = size; at > 0; at -= 1, rest = Math.floor(rest / 256)) {
    packed[at] = (rest % 256) ^ flip;
  }
  return packed;
}

export function packBigint(value: bigint): Uint8Array {
  const negative = value < 0n;
  const hex = (negative ? -value : value).toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const digits = value === 0n ? 0 : even.length / 2;
  if (digits > longBytesMax) {
    throw new RangeError(`an integer of a tuple has at most ${longBytesMax} bytes, not ${digits}`);
  }
  const flip = negative ? 0xff : 0;
  const head = headOf(digits, negative);
  const packed = new Uint8Array(head.length + digits);
  packed.set(head);
  for (let at = 0; at < digits; at += 1) {
    packed[head.length + at] = Number.parseInt(even.slice(2 * at, 2 * at + 2), 16) ^ flip;
  }
  return packed;
}

function headOf(digits: number, negative: boolean): readonly number[] {
  if (digits <= shortBytesMax) {
    return [negative ? zeroCode - digits : zeroCode + digits];
  }
  return negative ? [longNegativeCode, digits ^ 0xff] : [longPositiveCode, digits];
}

/** A bigint only where no number is exact. */
export function unpackInteger(bytes: Uint8Array, from: number): [number | bigint, number] {
  const { negative, length, start } = readHead(bytes, from);
  const flip = negative ? 0xff : 0;
  const end = start + length;
  // Another spelling of the same integer would be another key of the same tuple.
  const isShortest = length === 0 || ((bytes[start] ?? 0) ^ flip) !== 0;
  if (end > bytes.length || !isShortest) {
    throw new RangeError('no tuple: an integer that does not end, or is not the shortest');
  }
  const digits = { bytes, start, end, flip };
  const size = length <= numberBytes ? smallSize(digits) : Number.POSITIVE_INFINITY;
  return [Number.isSafeInteger(size) ? (negative ? -size : size) : large(digits), end];
}

function readHead(
  bytes: Uint8Array,
  from: number,
): { readonly negative: boolean; readonly length: number; readonly start: number } {
  const code = bytes[from] ?? zeroCode;
  const negative = code < zeroCode;
  if (code !== longNegativeCode && code !== longPositiveCode) {
    return { negative, length: Math.abs(code - zeroCode), start: from + 1 };
  }
  const length = (bytes[from + 1] ?? 0) ^ (negative ? 0xff : 0);
  if (length <= shortBytesMax) {
    throw new RangeError('no tuple: an integer that is not the shortest');
  }
  return { negative, length, start: from + 2 };
}

interface Digits {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly flip: number;
}

/** What is no safe integer may be rounded, and is none then either. */
function smallSize({ bytes, start, end, flip }: Digits): number {
  let size = 0;
  for (let at = start; at < end; at += 1) {
    size = size * 256 + ((bytes[at] ?? 0) ^ flip);
  }
  return size;
}

function large({ bytes, start, end, flip }: Digits): bigint {
  let size = 0n;
  for (let at = start; at < end; at += 1) {
    size = (size << 8n) | BigInt((bytes[at] ?? 0) ^ flip);
  }
  return flip === 0 ? size : -size;
}
