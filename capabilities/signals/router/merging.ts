// Two maps brought together, on their bytes. These were checked when their frame was decoded;
// nothing is unpacked or re-encoded, so that types stay as they were.
import { concatBytes } from '@hansa/foundation';
import { valueTypes, type ValueType, type WireValue } from '../frames/messages.ts';

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
  // Never over 65,535: an entry takes three bytes or more, and each map came in a frame.
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
