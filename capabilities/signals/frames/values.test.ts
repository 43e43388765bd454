// Values for those who look inside, and masks of types.
import { describe, expect, it } from 'vitest';
import { maskHas, typeMask } from './codes.ts';
import { allTypesMask, signalTypes, type WireValue } from './messages.ts';
import {
  compareValues,
  mapEntries,
  mapValue,
  numberOf,
  readValue,
  wireValue,
  type SignalValue,
} from './values.ts';

describe('values', () => {
  it.each([
    ['null', null],
    ['a truth', true],
    ['a float', 0.1],
    ['a whole number of 64 bits', -(2n ** 63n)],
    ['a text', 'ü\u{1f600}'],
    ['bytes', Uint8Array.of(1, 2)],
    ['a list', [1, [2n], 'x']],
    [
      'a map',
      new Map<string, SignalValue>([
        ['r', 1],
        ['g', new Map([['x', 2n]])],
      ]),
    ],
  ] as readonly (readonly [string, SignalValue])[])('%s is read as it was made', (_name, value) => {
    expect(readValue(wireValue(value))).toEqual(value);
  });

  it('of a map keep their types when the map is taken apart', () => {
    const i8: WireValue = { type: 2, data: Uint8Array.of(0xfe) };
    const entries = new Map([
      ['a', i8],
      ['b', wireValue('x')],
    ]);
    expect(mapEntries(mapValue(entries))).toEqual(entries);
    expect(mapEntries(i8)).toBeUndefined();
  });

  it('are compared where both are whole or both are floats', () => {
    const big = wireValue(2n ** 62n);
    expect(compareValues(big, wireValue(2n ** 62n + 1n))).toBe(-1);
    expect(compareValues(wireValue(2), wireValue(1.5))).toBe(1);
    expect(compareValues(wireValue(2), { type: 6, data: Uint8Array.of(0x40, 0, 0, 0) })).toBe(0);
    expect(compareValues(wireValue(2), wireValue(1n))).toBeUndefined();
    expect(compareValues(wireValue('a'), wireValue('b'))).toBeUndefined();
    expect(compareValues(wireValue(Number.NaN), wireValue(1))).toBeUndefined();
    expect([numberOf(big), numberOf(wireValue('1'))]).toEqual([2 ** 62, undefined]);
  });

  it('that are no 64-bit numbers are refused', () => {
    expect(() => wireValue(2n ** 63n)).toThrow('64 bits');
  });
});

describe('masks of signal types', () => {
  it('hold the types they were made of; of none, all', () => {
    const mixed = typeMask(['param', 'timeline']);
    expect(mixed).toBe(0x11);
    expect(signalTypes.filter((type) => maskHas(mixed, type))).toEqual(['param', 'timeline']);
    expect(typeMask([])).toBe(allTypesMask);
    expect(maskHas(mixed, undefined)).toBe(true);
  });
});
