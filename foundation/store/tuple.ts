// Keys of tables: the tuples of foundation/tuple for the three types that such keys are made of.
import { packTuple, unpackTuple } from '../tuple/tuple.ts';

/** Numbers are safe non-negative integers. */
export type TuplePart = string | number | Uint8Array;

/** Throws a RangeError where a number is none of these. */
export function packKey(parts: readonly TuplePart[]): Uint8Array {
  for (const part of parts) {
    if (typeof part === 'number' && part < 0) {
      throw new RangeError(`a key number is a safe non-negative integer, not ${part}`);
    }
  }
  return packTuple(parts);
}

/** Throws a RangeError on bytes that are no key of a table. */
export function unpackKey(bytes: Uint8Array): TuplePart[] {
  return unpackTuple(bytes).map((part) => {
    if (typeof part === 'string' || part instanceof Uint8Array) {
      return part;
    }
    if (typeof part === 'number' && part >= 0) {
      return part;
    }
    throw new RangeError('not a key of ours');
  });
}
