// What the router itself asks of values, on their bytes: a number to compare, two maps brought
// together. The bytes were checked when their frame was decoded; nothing is unpacked or re-encoded,
// so that types stay as they were.
import { concatBytes } from '@hansa/foundation';
import { valueTypes, type ValueType, type WireValue } from '../frames/messages.ts';

/** As many entries as a count of two bytes can tell. */
const entriesMax = 65_535;

/** Undefined where the value is no number. An i64 beyond 2^53 is as near as a number comes. */
export function numberOf(value: WireValue): number | undefined {
  const { type, data } = value;
  if (type < valueTypes.i8 || type > valueTypes.f64) {
    return undefined;
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  switch (type) {
    case valueTypes.i8:
      return view.getInt8(0);
    case valueTypes.i16:
      return view.getInt16(0);
    case valueTypes.i32:
      return view.getInt32(0);
    case valueTypes.i64:
      return Number(view.getBigInt64(0));
    case valueTypes.f32:
      return view.getFloat32(0);
    default:
      return view.getFloat64(0);
  }
}

/**
 * Of two maps the entries of both, the newer one's where a key is in both; of anything else the
 * newer value. Only the outermost level is brought together: what is inside belongs to its key.
 */
export function mergedMaps(older: WireValue, newer: WireValue): WireValue {
  if (older.type !== valueTypes.map || newer.type !== valueTypes.map) {
    return newer;
  }
  const entries = entriesOf(older.data);
  for (const [key, entry] of entriesOf(newer.data)) {
    entries.set(key, entry);
  }
  if (entries.size > entriesMax) {
    return newer; // each entry takes four bytes or more: such a map fits into no frame
  }
  const count = Uint8Array.of(entries.size >> 8, entries.size & 0xff);
  return { type: valueTypes.map, data: concatBytes([count, ...entries.values()]) };
}

/** By key, spelled as one character per byte: keys are only compared. */
function entriesOf(data: Uint8Array): Map<string, Uint8Array> {
  const entries = new Map<string, Uint8Array>();
  const count = u16(data, 0);
  let at = 2;
  for (let i = 0; i < count; i += 1) {
    const valueAt = at + 2 + u16(data, at);
    const end = endOfValue(data, valueAt);
    entries.set(spelled(data, at + 2, valueAt), data.subarray(at, end));
    at = end;
  }
  return entries;
}

function spelled(data: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i += 1) {
    text += String.fromCharCode(data[i] ?? 0);
  }
  return text;
}

const fixedLengths: Readonly<Partial<Record<number, number>>> = {
  [valueTypes.null]: 0,
  [valueTypes.bool]: 1,
  [valueTypes.i8]: 1,
  [valueTypes.i16]: 2,
  [valueTypes.i32]: 4,
  [valueTypes.i64]: 8,
  [valueTypes.f32]: 4,
  [valueTypes.f64]: 8,
};

/** Where the value whose type byte stands at `at` ends. Its depth was bounded when it was read. */
function endOfValue(data: Uint8Array, at: number): number {
  const type = (data[at] ?? 0) as ValueType;
  const fixed = fixedLengths[type];
  if (fixed !== undefined) {
    return at + 1 + fixed;
  }
  const count = u16(data, at + 1);
  let end = at + 3;
  if (type !== valueTypes.array && type !== valueTypes.map) {
    return end + count; // text or bytes
  }
  for (let i = 0; i < count; i += 1) {
    if (type === valueTypes.map) {
      end += 2 + u16(data, end);
    }
    end = endOfValue(data, end);
  }
  return end;
}

function u16(data: Uint8Array, at: number): number {
  return ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
}
