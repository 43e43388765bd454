import fc from 'fast-check';
import { compareBytes, packTuple, utf8, type TupleValue } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { createSubspace } from './subspace.ts';

const users = createSubspace(Uint8Array.of(0x15, 0x01));
const numRuns = 500;

describe('a subspace', () => {
  test('spells a tuple as a key and reads it back, of every type', () => {
    const tuple: readonly TupleValue[] = [
      null,
      true,
      'anna',
      -12,
      2n ** 70n,
      utf8('\u0000'),
      { double: 1.5 },
      { float: -2 },
      { uuid: 'ffffffff-ba5e-ba11-0000-00005ca1ab1e' },
      { versionstamp: new Uint8Array(12) },
      ['within', [null]],
    ];
    const key = users.key(...tuple);
    expect(users.parts(key)).toEqual(tuple);
    expect(users.contains(key)).toBe(true);
    expect(key).toMatch(/^[-0-9A-Z_a-z]+$/);
  });

  test('sorts its keys as their tuples sort', () => {
    const part = fc.oneof(fc.integer(), fc.string({ unit: 'grapheme', maxLength: 5 }));
    const tuple = fc.array(part, { maxLength: 3 });
    const property = fc.property(tuple, tuple, (a, b) => {
      const order = Math.sign(compareBytes(utf8(users.key(...a)), utf8(users.key(...b))));
      expect(order).toBe(Math.sign(compareBytes(packTuple(a), packTuple(b))));
    });
    fc.assert(property, { numRuns });
  });

  test('bounds what begins with a tuple, and nothing else', () => {
    const { start, end } = users.bounds('anna');
    const isWithin = (key: string): boolean => key >= start && key < end;
    expect(isWithin(users.key('anna', 1))).toBe(true);
    expect(isWithin(users.key('anna', null))).toBe(true);
    expect(isWithin(users.key('anna', { versionstamp: new Uint8Array(12).fill(255) }))).toBe(true);
    expect(isWithin(users.key('anna'))).toBe(false);
    expect(isWithin(users.key('annab', 1))).toBe(false);
    expect(isWithin(users.within('anna').key(7))).toBe(true);
  });

  test('knows no key of another one, and takes no part that no tuple has', () => {
    const invalid = expect.objectContaining({ code: 'INPUT_INVALID' });
    const foreign = createSubspace(Uint8Array.of(0x15, 0x02)).key('anna');
    expect(users.contains(foreign)).toBe(false);
    expect(users.contains('?')).toBe(false);
    for (const wrong of [foreign, '?', 'plain/key']) {
      expect(() => users.parts(wrong)).toThrow(invalid);
    }
    expect(() => users.key(0.5)).toThrow(invalid);
    expect(() => users.bounds('\ud800')).toThrow(invalid);
  });
});
