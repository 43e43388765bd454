import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes } from '@hansa/foundation';
import { byteText, SortedMap } from './sorted-map.ts';

const bytes = fc.uint8Array({ maxLength: 3 });

test('text of bytes sorts as the bytes do', () => {
  const property = fc.property(bytes, bytes, (a, b) => {
    const order = byteText(a) < byteText(b) ? -1 : Number(byteText(a) > byteText(b));
    expect(order).toBe(Math.sign(compareBytes(a, b)));
  });
  fc.assert(property, { numRuns: 1_000 });
});

test('a sorted map holds, through thousands of changes, what a map sorted anew would', () => {
  const sorted = new SortedMap<number>();
  const plain = new Map<string, number>();
  const key = fc.nat(2_000).map((number) => number.toString(36));
  const changes = fc.array(fc.tuple(key, fc.boolean()), { minLength: 500, maxLength: 3_000 });
  let number = 0;
  const property = fc.property(changes, key, key, (some, start, end) => {
    for (const [name, puts] of some) {
      number += 1;
      if (puts) {
        sorted.set(name, number);
        plain.set(name, number);
      } else {
        sorted.delete(name);
        plain.delete(name);
      }
    }
    const from = [...plain.keys()].toSorted().filter((name) => name >= start);
    const within = from.filter((name) => name < end);
    const values = (names: readonly string[]): unknown[] => names.map((name) => plain.get(name));
    expect([...sorted.ascending(start, undefined)]).toEqual(values(from));
    expect([...sorted.descending(start, undefined)]).toEqual(values(from.toReversed()));
    expect([...sorted.ascending(start, end)]).toEqual(values(within));
    expect([...sorted.descending(start, end)]).toEqual(values(within.toReversed()));
  });
  fc.assert(property, { numRuns: 100 });
});
