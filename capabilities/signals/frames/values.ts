// Values for those who look inside: reading them, making them, comparing numbers, and taking maps
// apart without losing what types their entries had.
import { Cursor } from './cursor.ts';
import { FrameWriter, ownBytes } from './frame-writer.ts';
import { valueDepthMax } from './limits.ts';
import { tooLarge } from './malformed.ts';
import { valueTypes, type WireValue } from './messages.ts';
import { typedValue } from './value-checking.ts';

/** A value as JavaScript has it; an i64 is a bigint, every other number a number. */
export type SignalValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly SignalValue[]
  | ReadonlyMap<string, SignalValue>;

export const nullValue: WireValue = { type: valueTypes.null, data: new Uint8Array(0) };

const writer = new FrameWriter();
const i64Min = -(2n ** 63n); // what eight bytes with a sign can say
const i64Max = 2n ** 63n - 1n; // the same, above zero

/** One that does not keep the frame alive that it came in. */
export function keptValue(value: WireValue): WireValue {
  // Not `slice`: where the frame came in a Buffer, that is a view.
  return { type: value.type, data: new Uint8Array(value.data) };
}

export function sameValue(a: WireValue, b: WireValue): boolean {
  if (a.type !== b.type || a.data.length !== b.data.length) {
    return false;
  }
  for (let i = 0; i < a.data.length; i += 1) {
    if (a.data[i] !== b.data[i]) {
      return false;
    }
  }
  return true;
}

export function readValue(value: WireValue): SignalValue {
  return readData(new Cursor(value.data), value.type);
}

function readData(cursor: Cursor, type: number): SignalValue {
  switch (type) {
    case valueTypes.null:
      return null;
    case valueTypes.bool:
      return cursor.u8() !== 0;
    case valueTypes.string:
      return cursor.text();
    case valueTypes.bytes:
      return new Uint8Array(cursor.view(cursor.u16()));
    case valueTypes.array:
      return readArray(cursor);
    case valueTypes.map:
      return readMap(cursor);
    default:
      return readNumber(cursor, type);
  }
}

function readNumber(cursor: Cursor, type: number): number | bigint {
  const view = viewAt(cursor);
  switch (type) {
    case valueTypes.i8:
      cursor.take(1);
      return view.getInt8(0);
    case valueTypes.i16:
      cursor.take(2);
      return view.getInt16(0);
    case valueTypes.i32:
      cursor.take(4);
      return view.getInt32(0);
    case valueTypes.i64:
      cursor.take(8);
      return view.getBigInt64(0);
    case valueTypes.f32:
      cursor.take(4);
      return view.getFloat32(0);
    default:
      cursor.take(8);
      return view.getFloat64(0);
  }
}

function viewAt({ bytes, at }: Cursor): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
}

function readArray(cursor: Cursor): readonly SignalValue[] {
  const count = cursor.u16();
  const items: SignalValue[] = [];
  for (let i = 0; i < count; i += 1) {
    items.push(readData(cursor, cursor.u8()));
  }
  return items;
}

function readMap(cursor: Cursor): ReadonlyMap<string, SignalValue> {
  const count = cursor.u16();
  const entries = new Map<string, SignalValue>();
  for (let i = 0; i < count; i += 1) {
    entries.set(cursor.text(), readData(cursor, cursor.u8()));
  }
  return entries;
}

/** A number becomes f64 and a bigint i64, as clients of this protocol write them. */
export function wireValue(value: SignalValue): WireValue {
  writer.reset();
  writeTyped(value, 1);
  return untyped(ownBytes(writer.cut(writer.start)));
}

/** Of a type byte and its data, known to be whole. */
function untyped(bytes: Uint8Array): WireValue {
  return typedValue(new Cursor(bytes));
}

function writeTyped(value: SignalValue, depth: number): void {
  if (value === null) {
    writer.u8(valueTypes.null);
  } else if (typeof value === 'boolean') {
    writer.u8(valueTypes.bool);
    writer.u8(value ? 1 : 0);
  } else if (typeof value === 'number') {
    writer.u8(valueTypes.f64);
    writer.f64(value);
  } else if (typeof value === 'bigint') {
    writeWhole(value);
  } else if (typeof value === 'string') {
    writer.u8(valueTypes.string);
    writer.text(value);
  } else if (value instanceof Uint8Array) {
    writer.u8(valueTypes.bytes);
    writer.counted(value);
  } else {
    writeEntries(value, depth);
  }
}

function writeWhole(value: bigint): void {
  if (value < i64Min || value > i64Max) {
    throw tooLarge(`${value} does not fit into 64 bits`);
  }
  writer.u8(valueTypes.i64);
  writer.u32(Number(BigInt.asUintN(32, value >> 32n)));
  writer.u32(Number(BigInt.asUintN(32, value)));
}

function writeEntries(
  value: readonly SignalValue[] | ReadonlyMap<string, SignalValue>,
  depth: number,
): void {
  if (depth > valueDepthMax) {
    throw tooLarge(`a value is nested deeper than ${valueDepthMax}`);
  }
  if (value instanceof Map) {
    writer.u8(valueTypes.map);
    writer.count(value.size);
    for (const [key, item] of value as ReadonlyMap<string, SignalValue>) {
      writer.text(key);
      writeTyped(item, depth + 1);
    }
    return;
  }
  const items = value as readonly SignalValue[];
  writer.u8(valueTypes.array);
  writer.count(items.length);
  for (const item of items) {
    writeTyped(item, depth + 1);
  }
}

/** The entries of a map, each with the type it came with; undefined where it is no map. */
export function mapEntries(value: WireValue): ReadonlyMap<string, WireValue> | undefined {
  if (value.type !== valueTypes.map) {
    return undefined;
  }
  const cursor = new Cursor(value.data);
  const entries = new Map<string, WireValue>();
  for (let left = cursor.u16(); left > 0; left -= 1) {
    entries.set(cursor.text(), typedValue(cursor));
  }
  return entries;
}

/** Throws SIGNAL_FRAME_TOO_LARGE where it would not fit into a frame. */
export function mapValue(entries: ReadonlyMap<string, WireValue>): WireValue {
  writer.reset();
  writer.u8(valueTypes.map);
  writer.count(entries.size);
  for (const [key, value] of entries) {
    writer.text(key);
    writer.value(value);
  }
  return untyped(ownBytes(writer.cut(writer.start)));
}

/** Of a PUBLISH: whole samples only, as the frame has them. */
export function samplesOf(samples: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(samples.length * 8);
  const view = new DataView(bytes.buffer);
  samples.forEach((sample, i) => view.setFloat64(i * 8, sample));
  return bytes;
}

export function samplesFrom(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const samples: number[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    samples.push(view.getFloat64(at));
  }
  return samples;
}

/** Undefined where it is no number; an i64 beyond 2^53 is rounded. */
export function numberOf(value: WireValue): number | undefined {
  return isNumber(value) ? Number(readNumber(new Cursor(value.data), value.type)) : undefined;
}

/**
 * Below, at or above zero where both are whole numbers or both are floats; undefined otherwise,
 * and where one is not a number at all.
 */
export function compareValues(a: WireValue, b: WireValue): number | undefined {
  if (!isNumber(a) || !isNumber(b) || isWhole(a) !== isWhole(b)) {
    return undefined;
  }
  const left = readNumber(new Cursor(a.data), a.type);
  const right = readNumber(new Cursor(b.data), b.type);
  if (left < right) {
    return -1;
  }
  if (left > right) {
    return 1;
  }
  return Number.isNaN(left) || Number.isNaN(right) ? undefined : 0;
}

function isNumber({ type }: WireValue): boolean {
  return type >= valueTypes.i8 && type <= valueTypes.f64;
}

function isWhole({ type }: WireValue): boolean {
  return type <= valueTypes.i64;
}
