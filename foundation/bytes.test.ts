import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  fromUtf8,
  prefixEnd,
  startsWith,
  toHex,
  utf8,
} from './bytes.ts';

const bytes = fc.uint8Array({ maxLength: 12 });

describe('bytes', () => {
  test('become hex and come back', () => {
    fc.assert(
      fc.property(bytes, (some) => {
        expect(toHex(some)).toBe(Buffer.from(some).toString('hex'));
        expect(fromHex(toHex(some))).toEqual(some);
      }),
    );
  });

  test.each(['a', 'AB', '0x00', 'gg', '00 ', ' 00', '0', '00\n'])(
    '"%s" is no hex of ours: one spelling per byte string',
    (text) => {
      expect(() => fromHex(text)).toThrow(RangeError);
    },
  );

  test('are ordered as every store orders keys', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
      { numRuns: 1_000 },
    );
  });

  test('with a prefix lie between it and its end, and no others do', () => {
    fc.assert(
      fc.property(bytes, bytes, (prefix, key) => {
        const end = prefixEnd(prefix);
        const inRange =
          compareBytes(key, prefix) >= 0 && (end === undefined || compareBytes(key, end) < 0);
        expect(inRange).toBe(startsWith(key, prefix));
      }),
      { numRuns: 1_000 },
    );
    expect(prefixEnd(Uint8Array.of(1, 255, 255))).toEqual(Uint8Array.of(2));
    expect(prefixEnd(Uint8Array.of(255, 255))).toBeUndefined();
  });

  test('joined are a copy of all', () => {
    const one = Uint8Array.of(1);
    const whole = concatBytes([one, new Uint8Array(0), Uint8Array.of(2, 3)]);
    one[0] = 9;
    expect(whole).toEqual(Uint8Array.of(1, 2, 3));
  });

  test('that are not UTF-8 are an error, never a repaired name', () => {
    expect(fromUtf8(utf8('Lübeck'))).toBe('Lübeck');
    expect(() => fromUtf8(Uint8Array.of(0xc3))).toThrow(TypeError);
  });
});
