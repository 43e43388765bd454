// Parts of tuples that have one length: floats, doubles, UUIDs and versionstamps.
import { fromHex, toHex } from '../bytes.ts';
import type { TupleDouble, TupleFloat, TupleUuid, TupleVersionstamp } from './values.ts';

const floatCode = 0x20;
const doubleCode = 0x21;
const uuidCode = 0x30;
const versionstampCode = 0x33;
const widths: ReadonlyMap<number, number> = new Map([
  [floatCode, 4],
  [doubleCode, 8],
  [uuidCode, 16],
  [versionstampCode, 12],
]);
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export type FixedValue = TupleFloat | TupleDouble | TupleUuid | TupleVersionstamp;

/** Of what follows the code; undefined where the code is none of these. */
export function fixedWidth(code: number): number | undefined {
  return widths.get(code);
}

export function packFixed(part: FixedValue): Uint8Array {
  if ('float' in part) {
    return coded(floatCode, orderly(floatBytes(part.float)));
  }
  if ('double' in part) {
    return coded(doubleCode, orderly(doubleBytes(part.double)));
  }
  if ('uuid' in part) {
    const lower = part.uuid.toLowerCase();
    if (!uuidPattern.test(lower)) {
      throw new RangeError(`"${part.uuid}" is no UUID`);
    }
    return coded(uuidCode, fromHex(lower.replaceAll('-', '')));
  }
  if ('versionstamp' in part) {
    return coded(versionstampCode, part.versionstamp);
  }
  throw new RangeError('a tuple has no part of such a type');
}

function coded(code: number, content: Uint8Array): Uint8Array {
  const width = widths.get(code) ?? 0;
  if (content.length !== width) {
    throw new RangeError(`a part of a tuple has ${width} bytes, not ${content.length}`);
  }
  const packed = new Uint8Array(1 + width);
  packed[0] = code;
  packed.set(content, 1);
  return packed;
}

/** The content is as long as its code says. */
export function unpackFixed(code: number, content: Uint8Array): FixedValue {
  switch (code) {
    case floatCode:
      return { float: floatFrom(disorderly(content)) };
    case doubleCode:
      return { double: doubleFrom(disorderly(content)) };
    case uuidCode:
      return { uuid: uuidText(toHex(content)) };
    default:
      return { versionstamp: content };
  }
}

function uuidText(hex: string): string {
  const ends = [8, 12, 16, 20, 32];
  return ends.map((end, index) => hex.slice(ends[index - 1] ?? 0, end)).join('-');
}

// ---- IEEE's numbers: negative ones with every bit flipped, others with the sign's alone ----

function orderly(bytes: Uint8Array): Uint8Array {
  const negative = ((bytes[0] ?? 0) & 0x80) !== 0;
  return bytes.map((byte, at) => (negative ? byte ^ 0xff : at === 0 ? byte ^ 0x80 : byte));
}

function disorderly(bytes: Uint8Array): Uint8Array {
  const positive = ((bytes[0] ?? 0) & 0x80) !== 0;
  return bytes.map((byte, at) => (positive ? (at === 0 ? byte ^ 0x80 : byte) : byte ^ 0xff));
}

function floatBytes(value: number | Uint8Array): Uint8Array {
  if (typeof value !== 'number') {
    return value;
  }
  if (!Object.is(Math.fround(value), value)) {
    throw new RangeError(`${value} has more than 32 bits: a double holds it`);
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value);
  return bytes;
}

function doubleBytes(value: number | Uint8Array): Uint8Array {
  if (typeof value !== 'number') {
    return value;
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

const usualFloat = toHex(floatBytes(Number.NaN));
const usualDouble = toHex(doubleBytes(Number.NaN));

/** A NaN has many spellings; JavaScript keeps one. */
function floatFrom(bytes: Uint8Array): number | Uint8Array {
  const value = new DataView(bytes.buffer).getFloat32(0);
  return Number.isNaN(value) && toHex(bytes) !== usualFloat ? bytes : value;
}

function doubleFrom(bytes: Uint8Array): number | Uint8Array {
  const value = new DataView(bytes.buffer).getFloat64(0);
  return Number.isNaN(value) && toHex(bytes) !== usualDouble ? bytes : value;
}
