// What FoundationDB has published of its tuple layer: the examples of its specification ("Tuple
// Layer Typecodes"), and the pairs of tuple and bytes that its own bindings are held to, as facts.
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../bytes.ts';
import { packTuple, unpackTuple } from './tuple.ts';
import type { TupleValue } from './values.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex.replaceAll(' ', ''));
const inHex = (text: string): string => toHex(new TextEncoder().encode(text));

const specified: readonly (readonly [readonly TupleValue[], string])[] = [
  [[bytes('66 6f 6f 00 62 61 72')], '01 666f6f00ff626172 00'],
  [['F\u00d4O\u0000bar'], '02 46c3944f00ff626172 00'],
  [[[bytes('66 6f 6f 00 62 61 72'), null, []]], '05 01 666f6f00ff626172 00 00ff 0500 00'],
  [[-5_551_212], '11 ab4b93'],
  [[{ float: -42 }], '20 3dd7ffff'],
];

const integers: readonly (readonly [number | bigint, string])[] = [
  [0, '14'],
  [1, '15 01'],
  [-1, '13 fe'],
  [255, '15 ff'],
  [-255, '13 00'],
  [256, '16 0100'],
  [-256, '12 feff'],
  [65_536, '17 010000'],
  [-65_536, '11 feffff'],
  [2n ** 63n - 1n, '1c 7fffffffffffffff'],
  [2n ** 63n, '1c 8000000000000000'],
  [2n ** 64n - 1n, '1c ffffffffffffffff'],
  [2n ** 64n, '1d 09 010000000000000000'],
  [-(2 ** 32 - 1), '10 00000000'],
  [-(2n ** 63n) + 2n, '0c 8000000000000001'],
  [-(2n ** 63n) + 1n, '0c 8000000000000000'],
  [-(2n ** 63n), '0c 7fffffffffffffff'],
  [-(2n ** 63n) - 1n, '0c 7ffffffffffffffe'],
  [-(2n ** 64n - 1n), '0c 0000000000000000'],
  [0x3019, '16 3019'],
  [0x03, '15 03'],
];

const floating: readonly (readonly [TupleValue, string])[] = [
  [{ float: Math.fround(3.14) }, '20 c048f5c3'],
  [{ float: Math.fround(-3.14) }, '20 3fb70a3c'],
  [{ double: 3.14 }, '21 c0091eb851eb851f'],
  [{ double: -3.14 }, '21 3ff6e147ae147ae0'],
  [{ float: 0 }, '20 80000000'],
  [{ float: -0 }, '20 7fffffff'],
  [{ double: 0 }, '21 8000000000000000'],
  [{ double: -0 }, '21 7fffffffffffffff'],
  [{ float: Number.POSITIVE_INFINITY }, '20 ff800000'],
  [{ float: Number.NEGATIVE_INFINITY }, '20 007fffff'],
  [{ double: Number.POSITIVE_INFINITY }, '21 fff0000000000000'],
  [{ double: Number.NEGATIVE_INFINITY }, '21 000fffffffffffff'],
  // NaN with every bit of its fraction, above and below zero.
  [{ float: bytes('7fffffff') }, '20 ffffffff'],
  [{ double: bytes('7fffffffffffffff') }, '21 ffffffffffffffff'],
  [{ float: bytes('ffffffff') }, '20 00000000'],
  [{ double: bytes('ffffffffffffffff') }, '21 0000000000000000'],
];

const texts: readonly (readonly [string, string])[] = [
  ['', '02 00'],
  ['hello', `02 ${inHex('hello')} 00`],
  ['\u4e2d\u6587', '02 e4b8ade69687 00'],
  ['\u03bc\u03ac\u03b8\u03b7\u03bc\u03b1', '02 cebcceacceb8ceb7cebcceb1 00'],
  ['\u{1f525}', '02 f09f94a5 00'],
  ['\u{1f96f}', '02 f09fa5af 00'],
  ['\u{1f9a5}', '02 f09fa6a5 00'],
  ['\u{10ffff}', '02 f48fbfbf 00'],
];

const others: readonly (readonly [readonly TupleValue[], string])[] = [
  [[], ''],
  [[bytes('')], '01 00'],
  [[bytes('010203')], '01 010203 00'],
  [[bytes('00000004')], '01 00ff00ff00ff04 00'],
  [[[null]], '05 00ff 00'],
  [[[null, 'hello']], `05 00ff 02 ${inHex('hello')} 00 00`],
  [[[null, 'hell\u0000']], `05 00ff 02 ${inHex('hell')} 00ff 00 00`],
  [[[null], 'hello'], `05 00ff 00 02 ${inHex('hello')} 00`],
  [
    [[null], 'hello', bytes('0100'), bytes('')],
    `05 00ff 00 02 ${inHex('hello')} 00 01 01 00ff 00 01 00`,
  ],
  [[{ uuid: 'ffffffff-ba5e-ba11-0000-00005ca1ab1e' }], '30 ffffffffba5eba11000000005ca1ab1e'],
  [[false], '26'],
  [[true], '27'],
  [[{ versionstamp: bytes('aabbccddeeff00010203 0000') }], '33 aabbccddeeff00010203 0000'],
  [[{ versionstamp: bytes('0102030405060708090a 0291') }], '33 0102030405060708090a 0291'],
];

const published: readonly (readonly [readonly TupleValue[], string])[] = [
  ...specified,
  ...[...integers, ...floating, ...texts].map(([part, hex]) => [[part], hex] as const),
  ...others,
];

describe('what is published of FoundationDB’s tuples', () => {
  test.each(published.map(([parts, hex]) => ({ parts, hex })))('packs as $hex', (vector) => {
    const hex = vector.hex.replaceAll(' ', '');
    expect(toHex(packTuple(vector.parts))).toBe(hex);
    expect(unpackTuple(fromHex(hex))).toEqual(vector.parts);
  });

  test('is the same for an integer and the bigint of its size', () => {
    for (const [value, hex] of integers) {
      expect(toHex(packTuple([BigInt(value)]))).toBe(hex.replaceAll(' ', ''));
    }
  });

  test.each([
    ['bytes that do not end', '01 deadc0de'],
    ['bytes that do not end behind a zero', '01 dead 00ff c0de'],
    ['text that does not end', `02 ${inHex('hello')}`],
    ['text that does not end behind a zero', `02 ${inHex('hel')} 00ff ${inHex('lo')}`],
    ['a byte that begins no character', `02 ${inHex('utf')} 08 80 00`],
    ['a character that breaks off', `02 ${inHex('utf')} 08 c001 00`],
    ['the first half of a pair', `02 ${inHex('utf')} 10 eda0bd 00`],
    ['the second half of a pair', `02 ${inHex('utf')} 10 edb4a5 00`],
    ['a pair in two halves', `02 ${inHex('utf')} 10 eda0bdedb4a5 00`],
    ['a tuple within that does not end', `05 02 ${inHex('hello')} 00`],
    [
      'a tuple within that does not end behind a null',
      `05 02 ${inHex('hello')} 00 00ff 02 ${inHex('there')} 00`,
    ],
    ['an integer that breaks off', '16 01'],
    ['a negative integer that breaks off', '12 01'],
    ['a large integer that breaks off', '1d 09 0102030405060708'],
    ['a large negative integer that breaks off', '0b f6 0102030405060708'],
    ['a float that breaks off', '20 010203'],
    ['a double that breaks off', '21 01020304050607'],
    ['a UUID that breaks off', '30 0102030405060708090a0b0c0d0e'],
    ['a versionstamp that breaks off', '33 0102030405060708090a0b'],
    ['a code that nothing has', 'ff'],
  ])('does not read %s', (_, hex) => {
    expect(() => unpackTuple(bytes(hex))).toThrow(RangeError);
  });
});
