import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, fromHex, toHex } from '../bytes.ts';
import { packTuple, tupleDepthMax, tupleSpan, unpackTuple } from './tuple.ts';
import type { TupleValue } from './values.ts';

const numRuns = 1_000;

const whole = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 300 }),
  fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).map(asRead),
  fc.constantFrom<number | bigint>(2 ** 53 - 1, -(2 ** 53 - 1), 2n ** 53n, -(2n ** 53n), 255, -256),
);
const leaf: fc.Arbitrary<TupleValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.uint8Array({ maxLength: 8 }),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom('', '\ufeff', '\u0000', 'a\u0000'),
  whole,
  fc.float().map((float) => ({ float })),
  fc.double().map((double) => ({ double })),
  fc.uuid().map((uuid) => ({ uuid })),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((versionstamp) => ({ versionstamp })),
);
const { part } = fc.letrec<{ part: TupleValue; nested: readonly TupleValue[] }>((tie) => ({
  part: fc.oneof({ maxDepth: 3 }, leaf, tie('nested')),
  nested: fc.array(tie('part'), { maxLength: 3 }),
}));
const tuple = fc.array(part, { maxLength: 4 });

function asRead(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** The order that is promised, told without bytes: by type, then by value. */
function compareValues(a: TupleValue, b: TupleValue): number {
  return rank(a) - rank(b) || compareAlike(a, b);
}

function rank(value: TupleValue): number {
  if (value === null || typeof value === 'boolean') {
    return value === null ? 0 : 7;
  }
  if (value instanceof Uint8Array) {
    return 1;
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
    return typeof value === 'string' ? 2 : 4;
  }
  if (isList(value)) {
    return 3;
  }
  return 'float' in value ? 5 : 'double' in value ? 6 : 'uuid' in value ? 8 : 9;
}

function isList(value: TupleValue): value is readonly TupleValue[] {
  return Array.isArray(value);
}

function compareAlike(a: TupleValue, b: TupleValue): number {
  if (isList(a) && isList(b)) {
    return compareTuples(a, b);
  }
  if (typeof a === 'string' && typeof b === 'string') {
    return compareBytes(new TextEncoder().encode(a), new TextEncoder().encode(b));
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return compareBytes(a, b);
  }
  const [x, y] = [a, b].map(scalarOf);
  if (x === undefined || y === undefined || Object.is(x, y)) {
    return 0;
  }
  return x === y ? (Object.is(x, -0) ? -1 : 1) : x < y ? -1 : 1;
}

function scalarOf(value: TupleValue): number | bigint | string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') {
    return value;
  }
  if (typeof value === 'boolean') {
    return Number(value);
  }
  if (typeof value !== 'object' || value === null || isList(value)) {
    return undefined;
  }
  if (value instanceof Uint8Array) {
    return undefined;
  }
  if ('uuid' in value) {
    return value.uuid;
  }
  if ('versionstamp' in value) {
    return toHex(value.versionstamp);
  }
  const number = 'float' in value ? value.float : value.double;
  return typeof number === 'number' ? number : undefined;
}

function compareTuples(a: readonly TupleValue[], b: readonly TupleValue[]): number {
  for (const [index, one] of a.entries()) {
    const other = b[index];
    if (other === undefined) {
      return 1;
    }
    const order = compareValues(one, other);
    if (order !== 0) {
      return order;
    }
  }
  return a.length - b.length;
}

function hasNaN(value: TupleValue): boolean {
  if (isList(value)) {
    return value.some(hasNaN);
  }
  const scalar = scalarOf(value);
  return typeof scalar === 'number' && Number.isNaN(scalar);
}

describe('a packed tuple', () => {
  test('gives back its parts, of every type', () => {
    const property = fc.property(tuple, (parts) => {
      expect(unpackTuple(packTuple(parts))).toEqual(parts);
    });
    fc.assert(property, { numRuns });
  });

  test('sorts as its parts do, one after the other: by type, then by value', () => {
    const property = fc.property(tuple, tuple, (a, b) => {
      fc.pre(![...a, ...b].some(hasNaN));
      const order = Math.sign(compareTuples(a, b));
      expect(Math.sign(compareBytes(packTuple(a), packTuple(b)))).toBe(order);
    });
    fc.assert(property, { numRuns: 2 * numRuns });
  });

  test('of integers sorts as they do, of any size', () => {
    const property = fc.property(whole, whole, (a, b) => {
      const order = Math.sign(compareBytes(packTuple([a]), packTuple([b])));
      expect(order).toBe(a < b ? -1 : a > b ? 1 : 0);
    });
    fc.assert(property, { numRuns });
  });

  test('lies in the span of its first parts, and in no other of that length', () => {
    const property = fc.property(tuple, part, tuple, (head, one, more) => {
      const { start, end } = tupleSpan(head);
      const key = packTuple([...head, one, ...more]);
      expect(compareBytes(start, key)).toBeLessThanOrEqual(0);
      expect(compareBytes(key, end)).toBeLessThan(0);
      const own = packTuple(head);
      expect(compareBytes(own, start) < 0).toBe(true);
    });
    fc.assert(property, { numRuns });
    const other = tupleSpan(['a']);
    expect(compareBytes(packTuple(['ab', 1]), other.end)).toBeGreaterThan(0);
  });

  test('has one spelling: bytes that are another one, or none, do not unpack', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 16 }), (raw) => {
      let parts: readonly TupleValue[] | undefined;
      try {
        parts = unpackTuple(raw);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        return;
      }
      expect(toHex(packTuple(parts))).toBe(toHex(raw));
    });
    const odd = ['1500', '13ff', '1d08ffffffffffffffff', '0bf700', '05', '0500ff', '17000001'];
    fc.assert(property, {
      numRuns,
      examples: odd.map((hex) => [fromHex(hex)] as const).map(([b]) => [b]),
    });
    odd.forEach((hex) => expect(() => unpackTuple(fromHex(hex))).toThrow(RangeError));
  });

  test('takes no number that is no integer, no half character, and nothing it does not know', () => {
    const wrong: readonly unknown[] = [
      0.5,
      Number.NaN,
      2 ** 53,
      '\ud800',
      { uuid: 'none' },
      { versionstamp: new Uint8Array(11) },
      { float: new Uint8Array(3) },
      { float: 0.1 },
      { decimal: '1' },
      undefined,
      1n << 2_040n,
    ];
    for (const value of wrong) {
      expect(() => packTuple([value as TupleValue])).toThrow(RangeError);
    }
    expect(unpackTuple(packTuple([(1n << 2_040n) - 1n]))).toEqual([(1n << 2_040n) - 1n]);
  });

  test('nests so deep and no deeper, in and out', () => {
    const nested = (depth: number): TupleValue => (depth === 0 ? 1 : [nested(depth - 1)]);
    const deepest = [nested(tupleDepthMax)];
    expect(unpackTuple(packTuple(deepest))).toEqual(deepest);
    expect(() => packTuple([nested(tupleDepthMax + 1)])).toThrow(RangeError);
    const deeper = '05'.repeat(tupleDepthMax + 1) + '00'.repeat(tupleDepthMax + 1);
    expect(() => unpackTuple(fromHex(deeper))).toThrow(RangeError);
  });
});
