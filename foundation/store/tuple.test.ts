import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, toHex } from '../bytes.ts';
import { packTuple, unpackTuple, type TuplePart } from './tuple.ts';

const numRuns = 1_000;
const bytes = fc.uint8Array({ maxLength: 12 });
const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const number = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(0, 255, 256, 65_535));
const part: fc.Arbitrary<TuplePart> = fc.oneof(bytes, text, number);
const tuple = fc.array(part, { maxLength: 5 });
const shape = fc.array(fc.constantFrom(bytes, text, number), { maxLength: 4 });
// Two tuples of the same shape, so that every part has one to be compared with.
const twins = shape.chain((parts) => fc.tuple(fc.tuple(...parts), fc.tuple(...parts)));

function compareParts(a: TuplePart, b: TuplePart): number {
  if (typeof a === 'number' && typeof b === 'number') {
    return Math.sign(a - b);
  }
  const raw = (one: TuplePart): Uint8Array =>
    one instanceof Uint8Array ? one : new TextEncoder().encode(String(one));
  return Math.sign(compareBytes(raw(a), raw(b)));
}

describe('a packed tuple', () => {
  test('gives back its parts', () => {
    const property = fc.property(tuple, (parts) => {
      expect(unpackTuple(packTuple(parts))).toEqual(parts);
    });
    fc.assert(property, { numRuns });
  });

  test('sorts as its parts do, one after the other', () => {
    const property = fc.property(twins, ([a, b]) => {
      const order = a.map((one, i) => compareParts(one, b[i] ?? 0)).find((sign) => sign !== 0);
      expect(Math.sign(compareBytes(packTuple(a), packTuple(b)))).toBe(order ?? 0);
    });
    fc.assert(property, { numRuns });
  });

  test('begins with the pack of its first parts, and with no other of that length', () => {
    const property = fc.property(tuple, tuple, (head, tail) => {
      const whole = packTuple([...head, ...tail]);
      const prefix = packTuple(head);
      expect(whole.subarray(0, prefix.length)).toEqual(prefix);
    });
    fc.assert(property, { numRuns });
    expect(toHex(packTuple(['ab']))).not.toMatch(new RegExp(`^${toHex(packTuple(['a']))}`));
  });

  test('is laid out as FoundationDB’s tuples are', () => {
    // Examples of its specification, "Tuple Layer Typecodes".
    expect(toHex(packTuple([Uint8Array.from([0x66, 0x6f, 0x6f, 0, 0x62, 0x61, 0x72])]))).toBe(
      '01666f6f00ff62617200',
    );
    expect(toHex(packTuple(['F\u00d4O\u0000bar']))).toBe('0246c3944f00ff62617200');
    expect(toHex(packTuple([0]))).toBe('14');
    expect(toHex(packTuple([5_551_212]))).toBe('1754b46c');
  });

  test('takes only safe non-negative integers', () => {
    for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => packTuple([wrong])).toThrow(RangeError);
    }
    expect(unpackTuple(packTuple([Number.MAX_SAFE_INTEGER]))).toEqual([Number.MAX_SAFE_INTEGER]);
  });

  test('is the only thing that unpacks: other bytes throw or pack back to themselves', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 12 }), (raw) => {
      let parts: TuplePart[] | undefined;
      try {
        parts = unpackTuple(raw);
      } catch {
        return;
      }
      // A number with leading zeros is the one other spelling; nothing of ours writes it.
      expect(unpackTuple(packTuple(parts))).toEqual(parts);
    });
    const above = Uint8Array.of(27, 32, 0, 0, 0, 0, 0, 0); // seven bytes, past 2^53 - 1
    fc.assert(property, { numRuns, examples: [[above]] });
  });
});
