// A part of a space of keys: everything under one prefix, by tuples whose order is that of their
// keys. Keys are text there, in the order of the bytes that they stand for.
import {
  concatBytes,
  fromOrderedText,
  HansaError,
  packTuple,
  startsWith,
  toOrderedText,
  tupleSpan,
  unpackTuple,
  type TupleValue,
} from '@hansa/foundation';

/** For `list`: the first key, and the first that is no part of it any more. */
export interface KeyBounds {
  readonly start: string;
  readonly end: string;
}

export interface Subspace {
  readonly prefix: Uint8Array;
  /** The key of a tuple in it. */
  key(...parts: readonly TupleValue[]): string;
  /** The tuple of a key in it; INPUT_INVALID for any other text. */
  parts(key: string): readonly TupleValue[];
  contains(key: string): boolean;
  /** Every key whose tuple begins with these parts and has at least one more. */
  bounds(...parts: readonly TupleValue[]): KeyBounds;
  within(...parts: readonly TupleValue[]): Subspace;
}

export function createSubspace(prefix: Uint8Array): Subspace {
  const packed = (parts: readonly TupleValue[]): Uint8Array =>
    concatBytes([prefix, asInput(() => packTuple(parts))]);
  return {
    prefix,
    key: (...parts) => toOrderedText(packed(parts)),
    parts: (key) =>
      asInput(() => {
        const bytes = fromOrderedText(key);
        if (!startsWith(bytes, prefix)) {
          throw new RangeError(`"${key}" is no key of this part of the space`);
        }
        return unpackTuple(bytes.subarray(prefix.length));
      }),
    contains(key) {
      try {
        return startsWith(fromOrderedText(key), prefix);
      } catch {
        return false;
      }
    },
    bounds(...parts) {
      const { start, end } = asInput(() => tupleSpan(parts));
      const bound = (key: Uint8Array): string => toOrderedText(concatBytes([prefix, key]));
      return { start: bound(start), end: bound(end) };
    },
    within: (...parts) => createSubspace(packed(parts)),
  };
}

/** What a tuple cannot hold, or a key cannot be, is a slip of the caller's. */
function asInput<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new HansaError('INPUT_INVALID', cause.message, { cause });
    }
    throw cause;
  }
}
