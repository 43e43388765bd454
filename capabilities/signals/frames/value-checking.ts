// Steps over values without unpacking them: after this a value is known to be whole, to be no
// deeper than allowed, and to hold only UTF-8 where it says text.
import type { Cursor } from './cursor.ts';
import { valueDepthMax } from './limits.ts';
import { malformed } from './malformed.ts';
import { valueTypes, type ValueType, type WireValue } from './messages.ts';
import { isText } from './text.ts';

/** Of the data, by type, from null to f64. */
const fixedLengths: readonly number[] = [0, 1, 1, 2, 4, 8, 4, 8];

/** The data of a value whose type stands elsewhere, as in SET. */
export function valueData(cursor: Cursor, type: number): WireValue {
  const start = cursor.at;
  const known = passData(cursor, type, 1);
  return { type: known, data: cursor.bytes.subarray(start, cursor.at) };
}

/** A type byte, then its data. */
export function typedValue(cursor: Cursor): WireValue {
  return valueData(cursor, cursor.u8());
}

function passData(cursor: Cursor, type: number, depth: number): ValueType {
  const fixed = fixedLengths[type];
  if (fixed !== undefined) {
    cursor.take(fixed);
    return type as ValueType;
  }
  switch (type) {
    case valueTypes.string:
      passText(cursor);
      return type;
    case valueTypes.bytes:
      cursor.take(cursor.u16());
      return type;
    case valueTypes.array:
    case valueTypes.map:
      passEntries(cursor, type, depth);
      return type;
    default:
      throw malformed(`0x${type.toString(16)} is no type of a value`);
  }
}

function passEntries(cursor: Cursor, type: ValueType, depth: number): void {
  if (depth > valueDepthMax) {
    throw malformed(`a value is nested deeper than ${valueDepthMax}`);
  }
  const count = cursor.u16();
  for (let i = 0; i < count; i += 1) {
    if (type === valueTypes.map) {
      passText(cursor);
    }
    passData(cursor, cursor.u8(), depth + 1);
  }
}

function passText(cursor: Cursor): void {
  const length = cursor.u16();
  const start = cursor.take(length);
  if (!isText(cursor.bytes, start, cursor.at)) {
    throw malformed('a text in a value is not UTF-8');
  }
}
