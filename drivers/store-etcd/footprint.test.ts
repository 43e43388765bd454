import fc from 'fast-check';
import { byteRange, compareBytes, type Op, type Transaction } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { footprintOf } from './footprint.ts';

const anyKey = fc.uint8Array({ minLength: 1, maxLength: 2, max: 3 });
const anyPrefix = fc.uint8Array({ maxLength: 1, max: 3 });
const value = new Uint8Array(0);
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  anyKey.map((key) => ({ put: { key, value } })),
  anyKey.map((key) => ({ delete: { key } })),
  anyPrefix.map((prefix) => ({ delete: { prefix } })),
  anyKey.map((key) => ({ get: { key } })),
  anyPrefix.map((prefix) => ({ scan: { prefix } })),
);
const anyTransaction: fc.Arbitrary<Required<Transaction>> = fc.record({
  if: fc.array(
    anyKey.map((key) => ({ key, target: 'version', op: '=', operand: 0 }) as const),
    { maxLength: 2 },
  ),
  then: fc.array(anyOp, { maxLength: 3 }),
  else: fc.array(anyOp, { maxLength: 2 }),
});

/** All keys that the properties below can name. */
const universe = [0, 1, 2, 3].flatMap((a) => [
  Uint8Array.of(a),
  ...[0, 1, 2, 3].map((b) => Uint8Array.of(a, b)),
]);

function covered(range: Parameters<typeof byteRange>[0]): Uint8Array[] {
  const { start, end } = byteRange(range);
  return universe.filter(
    (key) => compareBytes(start, key) <= 0 && (end === undefined || compareBytes(key, end) < 0),
  );
}

function touched({ if: compares, then, else: otherwise }: Required<Transaction>): {
  reads: Set<string>;
  writes: Set<string>;
} {
  const [reads, writes] = [new Set<string>(), new Set<string>()];
  compares.forEach(({ key }) => reads.add(String(key)));
  for (const op of [...then, ...otherwise]) {
    if ('put' in op) {
      writes.add(String(op.put.key));
    } else if ('get' in op) {
      reads.add(String(op.get.key));
    } else if ('scan' in op) {
      covered(op.scan).forEach((key) => reads.add(String(key)));
    } else if ('key' in op.delete) {
      writes.add(String(op.delete.key));
    } else {
      covered(op.delete).forEach((key) => writes.add(String(key)));
    }
  }
  return { reads, writes };
}

const meet = (a: Set<string>, b: Set<string>): boolean => [...a].some((key) => b.has(key));

test('two transactions conflict exactly where one writes what the other touches', () => {
  const property = fc.property(anyTransaction, anyTransaction, (a, b) => {
    const [one, other] = [touched(a), touched(b)];
    const expected =
      meet(one.writes, other.writes) ||
      meet(one.writes, other.reads) ||
      meet(one.reads, other.writes);
    expect(footprintOf(a).conflictsWith(footprintOf(b))).toBe(expected);
    expect(footprintOf(b).conflictsWith(footprintOf(a))).toBe(expected);
  });
  fc.assert(property, { numRuns: 2_000 });
});
