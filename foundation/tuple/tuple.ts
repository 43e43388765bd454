// Keys as tuples whose byte order is their order: FoundationDB's tuple layer, as its specification
// "Tuple Layer Typecodes" lays it out, for whoever makes keys of values.
import { concatBytes } from '../bytes.ts';
import { fixedWidth, packFixed, unpackFixed } from './fixed.ts';
import { isIntegerCode, packBigint, packInteger, unpackInteger } from './integers.ts';
import { bytesCode, packBytes, packText, textCode, unpackTerminated } from './strings.ts';
import type { TupleValue } from './values.ts';

export const tupleDepthMax = 64; // tuples within tuples: no key is so deep, and the stack ends

const nullCode = 0x00;
const nestedCode = 0x05;
const falseCode = 0x26;
const trueCode = 0x27;
// Inside a tuple a null takes two bytes, so that it is none of the zero that ends the tuple.
const nestedNull = Uint8Array.of(nullCode, 0xff);
const nestedEnd = Uint8Array.of(nullCode);

/** Throws a RangeError on what is no tuple of these types. */
export function packTuple(parts: readonly TupleValue[]): Uint8Array {
  return concatBytes(parts.map((part) => packPart(part, 0)));
}

function packPart(part: TupleValue, depth: number): Uint8Array {
  switch (typeof part) {
    case 'string':
      return packText(part);
    case 'number':
      return packInteger(part);
    case 'bigint':
      return packBigint(part);
    case 'boolean':
      return Uint8Array.of(part ? trueCode : falseCode);
    default:
      return packObject(part, depth);
  }
}

function packObject(part: Exclude<TupleValue, string | number>, depth: number): Uint8Array {
  if (part instanceof Uint8Array) {
    return packBytes(part);
  }
  if (part === null) {
    return Uint8Array.of(nullCode);
  }
  if (isTuple(part)) {
    return packNested(part, depth + 1);
  }
  if (typeof part !== 'object') {
    throw new RangeError('a tuple has no part of such a type');
  }
  return packFixed(part);
}

/** Array.isArray does not narrow readonly lists. */
function isTuple(part: TupleValue): part is readonly TupleValue[] {
  return Array.isArray(part);
}

function packNested(parts: readonly TupleValue[], depth: number): Uint8Array {
  requireDepth(depth);
  return concatBytes([
    Uint8Array.of(nestedCode),
    ...parts.map((part) => (part === null ? nestedNull : packPart(part, depth))),
    nestedEnd,
  ]);
}

function requireDepth(depth: number): void {
  if (depth > tupleDepthMax) {
    throw new RangeError(`tuples nest at most ${tupleDepthMax} deep`);
  }
}

/** Throws a RangeError on bytes that `packTuple` does not make. */
export function unpackTuple(bytes: Uint8Array): TupleValue[] {
  const parts: TupleValue[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [part, next] = unpackPart(bytes, at, 0);
    parts.push(part);
    at = next;
  }
  return parts;
}

function unpackPart(bytes: Uint8Array, from: number, depth: number): [TupleValue, number] {
  const code = bytes[from] ?? nullCode;
  if (code === bytesCode || code === textCode) {
    return unpackTerminated(bytes, from);
  }
  if (isIntegerCode(code)) {
    return unpackInteger(bytes, from);
  }
  if (code === nullCode) {
    return [null, from + 1];
  }
  if (code === falseCode || code === trueCode) {
    return [code === trueCode, from + 1];
  }
  if (code === nestedCode) {
    return unpackNested(bytes, from, depth + 1);
  }
  const width = fixedWidth(code);
  if (width === undefined || from + width >= bytes.length) {
    throw new RangeError('no tuple: a part of an unknown type, or one that does not end');
  }
  return [unpackFixed(code, bytes.slice(from + 1, from + 1 + width)), from + 1 + width];
}

function unpackNested(bytes: Uint8Array, from: number, depth: number): [TupleValue[], number] {
  requireDepth(depth);
  const parts: TupleValue[] = [];
  let at = from + 1;
  while (at < bytes.length) {
    if (bytes[at] !== nullCode) {
      const [part, next] = unpackPart(bytes, at, depth);
      parts.push(part);
      at = next;
    } else if (bytes[at + 1] === 0xff) {
      parts.push(null);
      at += 2;
    } else {
      return [parts, at + 1];
    }
  }
  throw new RangeError('no tuple: a tuple within it does not end');
}

/** What lies between two keys, the first with them and the second not. */
export interface KeySpan {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/** All tuples that begin with these parts and have at least one more. */
export function tupleSpan(parts: readonly TupleValue[]): KeySpan {
  const prefix = packTuple(parts);
  return {
    start: concatBytes([prefix, Uint8Array.of(nullCode)]),
    end: concatBytes([prefix, Uint8Array.of(0xff)]),
  };
}
