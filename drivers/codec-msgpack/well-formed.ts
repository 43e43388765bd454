// Whether bytes are exactly one MessagePack value of the kinds we use (the specification's formats
// nil, bool, int, float, str, bin, array, map; no extensions), within the limits. Hostile bytes
// stop here, before the decoder allocates or recurses for them.
import { isUtf8 } from 'node:buffer';
import { HansaError } from '@hansa/foundation';
import { depthMax, encodedBytesMax, valuesMax } from './limits.ts';

interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  values: number;
}

/** Throws INPUT_INVALID unless the bytes are one whole well-formed value. */
export function checkWellFormed(bytes: Uint8Array): void {
  if (bytes.length > encodedBytesMax) {
    refuse(`a value is at most ${encodedBytesMax} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cursor: Cursor = { bytes, view, at: 0, values: 0 };
  checkValue(cursor, 0);
  if (cursor.at !== bytes.length) {
    refuse(`${bytes.length - cursor.at} bytes follow the value`);
  }
}

function checkValue(cursor: Cursor, depth: number): void {
  cursor.values += 1;
  if (cursor.values > valuesMax) {
    refuse(`a value has at most ${valuesMax} parts`);
  }
  const code = unsigned(cursor, 1);
  if (code <= 0x7f || code >= 0xe0) {
    return; // a small integer
  }
  if (code <= 0x8f) {
    checkMap(cursor, code & 0x0f, depth);
  } else if (code <= 0x9f) {
    checkArray(cursor, code & 0x0f, depth);
  } else if (code <= 0xbf) {
    checkText(cursor, code & 0x1f);
  } else {
    checkLong(cursor, code, depth);
  }
}

function checkLong(cursor: Cursor, code: number, depth: number): void {
  switch (code) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return;
    case 0xc4:
    case 0xc5:
    case 0xc6:
      skip(cursor, unsigned(cursor, 1 << (code - 0xc4)));
      return;
    case 0xca:
      skip(cursor, 4);
      return;
    case 0xcb:
      skip(cursor, 8);
      return;
    case 0xcf:
    case 0xd3:
      checkInteger64(cursor, code === 0xd3);
      return;
    case 0xd9:
    case 0xda:
    case 0xdb:
      checkText(cursor, unsigned(cursor, 1 << (code - 0xd9)));
      return;
    default:
      checkNumberOrContainer(cursor, code, depth);
  }
}

function checkNumberOrContainer(cursor: Cursor, code: number, depth: number): void {
  if (code >= 0xcc && code <= 0xce) {
    skip(cursor, 1 << (code - 0xcc));
  } else if (code >= 0xd0 && code <= 0xd2) {
    skip(cursor, 1 << (code - 0xd0));
  } else if (code === 0xdc || code === 0xdd) {
    checkArray(cursor, unsigned(cursor, code === 0xdc ? 2 : 4), depth);
  } else if (code === 0xde || code === 0xdf) {
    checkMap(cursor, unsigned(cursor, code === 0xde ? 2 : 4), depth);
  } else {
    refuse(`code 0x${code.toString(16)} is an extension or reserved`);
  }
}

function checkArray(cursor: Cursor, length: number, depth: number): void {
  enter(cursor, length, depth);
  for (let i = 0; i < length; i += 1) {
    checkValue(cursor, depth + 1);
  }
}

function checkMap(cursor: Cursor, length: number, depth: number): void {
  enter(cursor, 2 * length, depth);
  for (let i = 0; i < length; i += 1) {
    checkKey(cursor);
    checkValue(cursor, depth + 1);
  }
}

// Every part takes a byte or more: a count beyond what is left is a lie, whatever follows.
function enter(cursor: Cursor, parts: number, depth: number): void {
  if (depth >= depthMax) {
    refuse(`a value nests at most ${depthMax} deep`);
  }
  if (parts > cursor.bytes.length - cursor.at) {
    refuse('the bytes end inside the value');
  }
}

function checkKey(cursor: Cursor): void {
  const code = unsigned(cursor, 1);
  let length: number;
  if (code >= 0xa0 && code <= 0xbf) {
    length = code & 0x1f;
  } else if (code >= 0xd9 && code <= 0xdb) {
    length = unsigned(cursor, 1 << (code - 0xd9));
  } else {
    return refuse('a field name is not text');
  }
  const start = cursor.at;
  checkText(cursor, length);
  if (length === 9 && Buffer.from(cursor.bytes.subarray(start, cursor.at)).equals(protoKey)) {
    refuse('"__proto__" is not a field');
  }
}

const protoKey = Buffer.from('__proto__');

function checkText(cursor: Cursor, length: number): void {
  const start = cursor.at;
  skip(cursor, length);
  for (let i = start; i < cursor.at; i += 1) {
    if ((cursor.bytes[i] ?? 0) > 0x7f) {
      if (!isUtf8(cursor.bytes.subarray(start, cursor.at))) {
        refuse('a text is not UTF-8');
      }
      return;
    }
  }
}

function checkInteger64(cursor: Cursor, signed: boolean): void {
  const start = cursor.at;
  skip(cursor, 8);
  const value = signed ? cursor.view.getBigInt64(start) : cursor.view.getBigUint64(start);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
    refuse('an integer is beyond 2^53-1');
  }
}

function unsigned(cursor: Cursor, size: number): number {
  const start = cursor.at;
  skip(cursor, size);
  if (size === 1) {
    return cursor.view.getUint8(start);
  }
  return size === 2 ? cursor.view.getUint16(start) : cursor.view.getUint32(start);
}

function skip(cursor: Cursor, length: number): void {
  cursor.at += length;
  if (cursor.at > cursor.bytes.length) {
    refuse('the bytes end inside the value');
  }
}

function refuse(why: string): never {
  throw new HansaError('INPUT_INVALID', `not one encoded value: ${why}`);
}
