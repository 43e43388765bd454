import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes } from '../bytes.ts';
import { fromOrderedText, toOrderedText } from './ordered-text.ts';

const numRuns = 1_000;
const bytes = fc.uint8Array({ maxLength: 24 });

describe('bytes as ordered text', () => {
  test('come back as they were', () => {
    const property = fc.property(bytes, (raw) => {
      expect(fromOrderedText(toOrderedText(raw))).toEqual(raw);
    });
    fc.assert(property, { numRuns });
  });

  test('sort as the bytes do', () => {
    const property = fc.property(bytes, bytes, fc.nat(24), (a, b, shared) => {
      const other = Uint8Array.from([...a.subarray(0, shared), ...b]);
      const [x, y] = [a, other].map(toOrderedText);
      const order = (x ?? '') < (y ?? '') ? -1 : x === y ? 0 : 1;
      expect(order).toBe(Math.sign(compareBytes(a, other)));
    });
    fc.assert(property, { numRuns });
  });

  test('have one spelling: any other text is none', () => {
    const digit = fc.constantFrom(...'-09AZ_az=+/ é'.split(''));
    const property = fc.property(fc.string({ unit: digit, maxLength: 9 }), (text) => {
      let raw: Uint8Array | undefined;
      try {
        raw = fromOrderedText(text);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        return;
      }
      expect(toOrderedText(raw)).toBe(text);
    });
    fc.assert(property, { numRuns, examples: [['A'], ['--0'], ['A-0'], ['AAAAA']] });
  });
});
