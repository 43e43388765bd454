// MessagePack, as far as the old encoding of this protocol uses it, and only inbound. Whole numbers
// are bigints here and floats are numbers, so that a value keeps which of the two it was.
import type { Cursor } from './cursor.ts';
import { legacyDepthMax } from './limits.ts';
import { malformed } from './malformed.ts';
import type { SignalValue } from './values.ts';

export type Unpacked =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Unpacked[]
  | UnpackedMap;

export type UnpackedMap = ReadonlyMap<string, Unpacked>;

/** What one item is: told by its first byte, with what the byte says of the length. */
interface Head {
  readonly kind: 'text' | 'bytes' | 'list' | 'map';
  readonly length: number;
}

export function unpack(cursor: Cursor): Unpacked {
  return item(cursor, 1);
}

function item(cursor: Cursor, depth: number): Unpacked {
  const first = cursor.u8();
  if (first < 0x80) {
    return BigInt(first);
  }
  if (first >= 0xe0) {
    return BigInt(first - 0x100);
  }
  const head = shortHead(first) ?? longHead(cursor, first);
  return head === undefined ? scalar(cursor, first) : content(cursor, head, depth);
}

/** Of lengths that the first byte holds itself. */
function shortHead(first: number): Head | undefined {
  if (first < 0x90) {
    return { kind: 'map', length: first & 0x0f };
  }
  if (first < 0xa0) {
    return { kind: 'list', length: first & 0x0f };
  }
  return first < 0xc0 ? { kind: 'text', length: first & 0x1f } : undefined;
}

function longHead(cursor: Cursor, first: number): Head | undefined {
  switch (first) {
    case 0xc4:
      return { kind: 'bytes', length: cursor.u8() };
    case 0xc5:
      return { kind: 'bytes', length: cursor.u16() };
    case 0xd9:
      return { kind: 'text', length: cursor.u8() };
    case 0xda:
      return { kind: 'text', length: cursor.u16() };
    case 0xdc:
      return { kind: 'list', length: cursor.u16() };
    case 0xde:
      return { kind: 'map', length: cursor.u16() };
    // Four bytes of length: more than a frame holds, yet a small number may be said in them.
    case 0xc6:
      return { kind: 'bytes', length: cursor.u32() };
    case 0xdb:
      return { kind: 'text', length: cursor.u32() };
    case 0xdd:
      return { kind: 'list', length: cursor.u32() };
    case 0xdf:
      return { kind: 'map', length: cursor.u32() };
    default:
      return undefined;
  }
}

function content(cursor: Cursor, { kind, length }: Head, depth: number): Unpacked {
  // Every entry has a byte at least: a length that the frame cannot hold ends here.
  if (length > cursor.left) {
    throw malformed('the frame ends before its message does');
  }
  if (kind === 'text') {
    return cursor.textOf(length);
  }
  if (kind === 'bytes') {
    return cursor.view(length);
  }
  if (depth > legacyDepthMax) {
    throw malformed(`a legacy frame is nested deeper than ${legacyDepthMax}`);
  }
  return kind === 'list' ? list(cursor, length, depth) : map(cursor, length, depth);
}

function list(cursor: Cursor, length: number, depth: number): readonly Unpacked[] {
  const items: Unpacked[] = [];
  for (let i = 0; i < length; i += 1) {
    items.push(item(cursor, depth + 1));
  }
  return items;
}

function map(cursor: Cursor, length: number, depth: number): UnpackedMap {
  const entries = new Map<string, Unpacked>();
  for (let i = 0; i < length; i += 1) {
    const key = item(cursor, depth + 1);
    if (typeof key !== 'string') {
      throw malformed('a key in a legacy frame is not a text');
    }
    entries.set(key, item(cursor, depth + 1));
  }
  return entries;
}

function scalar(cursor: Cursor, first: number): Unpacked {
  switch (first) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xca:
      return cursor.f32();
    case 0xcb:
      return cursor.f64();
    default:
      return whole(cursor, first);
  }
}

function whole(cursor: Cursor, first: number): bigint {
  switch (first) {
    case 0xcc:
      return BigInt(cursor.u8());
    case 0xcd:
      return BigInt(cursor.u16());
    case 0xce:
      return BigInt(cursor.u32());
    case 0xcf:
      return cursor.bigU64();
    case 0xd0:
      return BigInt.asIntN(8, BigInt(cursor.u8()));
    case 0xd1:
      return BigInt.asIntN(16, BigInt(cursor.u16()));
    case 0xd2:
      return BigInt.asIntN(32, BigInt(cursor.u32()));
    case 0xd3:
      return BigInt.asIntN(64, cursor.bigU64());
    default:
      throw malformed(`0x${first.toString(16)} begins nothing that a legacy frame may hold`);
  }
}

/** As a value of the wire has it; a whole number beyond 63 bits becomes a float. */
export function unpackedValue(unpacked: Unpacked): SignalValue {
  if (typeof unpacked === 'bigint') {
    return unpacked === BigInt.asIntN(64, unpacked) ? unpacked : Number(unpacked);
  }
  if (isList(unpacked)) {
    return unpacked.map(unpackedValue);
  }
  if (isMap(unpacked)) {
    return new Map([...unpacked].map(([key, entry]) => [key, unpackedValue(entry)]));
  }
  return unpacked;
}

export function isList(unpacked: Unpacked | undefined): unpacked is readonly Unpacked[] {
  return Array.isArray(unpacked);
}

export function isMap(unpacked: Unpacked | undefined): unpacked is UnpackedMap {
  return unpacked instanceof Map;
}
