import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../bytes.ts';
import { packTuple } from '../tuple/tuple.ts';
import { packKey, unpackKey, type TuplePart } from './tuple.ts';

const numRuns = 1_000;
const part: fc.Arbitrary<TuplePart> = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.maxSafeNat(),
  fc.nat(300),
);
const parts = fc.array(part, { maxLength: 5 });

describe('the key of a row', () => {
  test('gives back its parts', () => {
    const property = fc.property(parts, (given) => {
      expect(unpackKey(packKey(given))).toEqual(given);
    });
    fc.assert(property, { numRuns });
  });

  test('begins with the pack of its first parts, and with no other of that length', () => {
    const property = fc.property(parts, parts, (head, tail) => {
      const whole = packKey([...head, ...tail]);
      const prefix = packKey(head);
      expect(whole.subarray(0, prefix.length)).toEqual(prefix);
    });
    fc.assert(property, { numRuns });
    expect(toHex(packKey(['ab']))).not.toMatch(new RegExp(`^${toHex(packKey(['a']))}`));
  });

  test('takes only safe non-negative integers', () => {
    for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => packKey([wrong])).toThrow(RangeError);
    }
    expect(unpackKey(packKey([Number.MAX_SAFE_INTEGER]))).toEqual([Number.MAX_SAFE_INTEGER]);
  });

  test('has text, bytes and numbers alone: other tuples are none of ours', () => {
    for (const other of [null, true, -1, 2n ** 60n, ['a'], { double: 1 }]) {
      expect(() => unpackKey(packTuple([other]))).toThrow('not a key of ours');
    }
  });
});
