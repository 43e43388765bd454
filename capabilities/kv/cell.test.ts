import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { clusterIdSchema, fromUtf8, utf8, type ClusterId, type Hlc } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareCells,
  decodeCell,
  encodeCell,
  mergeCells,
  mergedCells,
  mergeRules,
  nextCell,
  valueBytesMax,
  vectorBytesMax,
  writersMax,
  type Cell,
  type MergeRule,
} from './cell.ts';

const codec = createMsgpackCodec();
const ids = ['a', 'b', 'c', 'd'].map((digit) => clusterIdSchema.parse(digit.repeat(64)));
const [ann, bob, cem] = ids as [ClusterId, ClusterId, ClusterId, ClusterId];
const runs = { numRuns: 1_000 };

const anyHlc: fc.Arbitrary<Hlc> = fc.tuple(fc.nat(5), fc.nat(2));
const anyValue = fc.oneof(
  fc.constantFrom(
    '',
    '1',
    '-7',
    '2.5',
    '1e3',
    '0x10',
    'herring',
    '{"a":1}',
    '[1,2]',
    '{"a":{"b":[]}}',
  ),
  fc.json({ maxDepth: 2 }),
  fc.string({ maxLength: 4 }),
);

/** Whatever could be stored, whether or not an honest writer would have written it. */
const anyCell: fc.Arbitrary<Cell> = fc
  .record({
    by: fc.constantFrom(...ids),
    at: anyHlc,
    seen: fc.uniqueArray(fc.tuple(fc.constantFrom(...ids), anyHlc), { selector: ([id]) => id }),
    value: anyValue,
    deleted: fc.boolean(),
  })
  .map(({ by, at, seen, value, deleted }) => {
    const others = seen.filter(([id]) => id !== by);
    const vector = [...others, [by, at] as const].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return { by, at, vector, value: utf8(deleted ? '' : value), deleted };
  });

/** Writers who each write on top of what they have, and sometimes hear of each other. */
const anyHistory: fc.Arbitrary<readonly Cell[]> = fc
  .array(
    fc.record({
      writer: fc.nat(ids.length - 1),
      hears: fc.option(fc.nat(ids.length - 1), { nil: undefined }),
      value: fc.option(anyValue, { nil: undefined }),
      now: anyHlc,
    }),
    { maxLength: 12 },
  )
  .map((steps) => {
    const held = new Map<number, Cell>();
    const written: Cell[] = [];
    for (const { writer, hears, value, now } of steps) {
      const heard = hears === undefined ? undefined : held.get(hears);
      const known = [held.get(writer), heard].flatMap((cell) => cell ?? []);
      const before = mergedCells('last-write-wins', known).shown;
      const by = ids[writer] ?? ann;
      const cell = nextCell(before, { value: value === undefined ? value : utf8(value), by, now });
      held.set(writer, cell);
      written.push(cell);
    }
    return written;
  });

const someCells = fc.oneof(fc.array(anyCell, { maxLength: 5 }), anyHistory);

function shownText(rule: MergeRule, cells: readonly Cell[]): string | undefined {
  const { shown } = mergedCells(rule, cells);
  return shown === undefined
    ? 'a person decides'
    : shown.deleted
      ? undefined
      : fromUtf8(shown.value);
}

describe.each(mergeRules)('bringing cells together by %s', (rule) => {
  const merge = (cells: readonly Cell[]) => mergedCells(rule, cells);

  test('does not depend on the order of two', () => {
    fc.assert(
      fc.property(someCells, someCells, (a, b) => {
        const [one, two] = [merge(a), merge(b)];
        expect(mergeCells(rule, one, two)).toEqual(mergeCells(rule, two, one));
      }),
      runs,
    );
  });

  test('does not depend on which two come first', () => {
    fc.assert(
      fc.property(someCells, someCells, someCells, (a, b, c) => {
        const [one, two, three] = [merge(a), merge(b), merge(c)];
        const left = mergeCells(rule, mergeCells(rule, one, two), three);
        expect(left).toEqual(mergeCells(rule, one, mergeCells(rule, two, three)));
        expect(left).toEqual(merge([...c, ...b, ...a]));
      }),
      runs,
    );
  });

  test('changes nothing the second time', () => {
    fc.assert(
      fc.property(someCells, someCells, (a, b) => {
        const one = merge(a);
        expect(mergeCells(rule, one, one)).toEqual(one);
        const both = mergeCells(rule, one, merge(b));
        expect(mergeCells(rule, both, one)).toEqual(both);
      }),
      runs,
    );
  });

  test('gives what, once it is stored, takes the place of all it was made of', () => {
    fc.assert(
      fc.property(anyHistory, (cells) => {
        const { shown } = merge(cells);
        fc.pre(shown !== undefined);
        const stored = decodeCell(codec, encodeCell(codec, shown, ann), ann);
        expect(stored).toEqual(shown);
        expect(merge([...cells, stored])).toMatchObject({ shown });
      }),
      runs,
    );
  });
});

describe('two cells', () => {
  test('are compared by what their writers had seen, never by their clocks', () => {
    const first = nextCell(undefined, { value: utf8('x'), by: ann, now: [900, 0] });
    const answer = nextCell(first, { value: utf8('y'), by: bob, now: [100, 0] });
    const apart = nextCell(undefined, { value: utf8('z'), by: bob, now: [950, 0] });
    expect(compareCells(answer, first)).toBe('dominates');
    expect(compareCells(first, answer)).toBe('dominated');
    expect(compareCells(first, apart)).toBe('concurrent');
    expect(compareCells(first, first)).toBe('equal');
    mergeRules.forEach((rule) => expect(shownText(rule, [first, answer])).toBe('y'));
  });

  test('of one history: the later of them dominates the ones that it had seen, and no other', () => {
    fc.assert(
      fc.property(anyHistory, (cells) => {
        cells.forEach((cell, index) => {
          cells.slice(index + 1).forEach((later) => {
            expect(['dominates', 'concurrent']).toContain(compareCells(later, cell));
          });
        });
      }),
      runs,
    );
  });

  test('are written one after the other also where the clock was set back', () => {
    const before = nextCell(undefined, { value: utf8('x'), by: ann, now: [900, 0xffff] });
    expect(nextCell(before, { value: utf8('y'), by: ann, now: [1, 0] }).at).toEqual([901, 0]);
  });
});

describe('written at the same time', () => {
  const at = (by: ClusterId, ms: number, value: string | undefined): Cell =>
    nextCell(undefined, { value: value === undefined ? value : utf8(value), by, now: [ms, 0] });

  test.each<[MergeRule, readonly (string | undefined)[], string | undefined]>([
    ['last-write-wins', ['a', 'b', 'c'], 'c'],
    ['last-write-wins', ['a', undefined], undefined],
    ['first-write-wins', ['a', 'b', 'c'], 'a'],
    ['max', ['9', '10', '2'], '10'],
    ['max', ['9', 'many', undefined], '9'],
    ['min', ['9', '-1e2', '2'], '-1e2'],
    ['min', ['few', 'many'], 'many'],
    ['max', ['1', '1.0'], '1.0'],
    ['merge', ['{"a":1,"b":{"x":1}}', '{"b":{"y":2},"a":3}'], '{"a":3,"b":{"x":1,"y":2}}'],
    ['merge', ['[1,2,2]', '[2,3]', '[1,4]'], '[1,2,2,3,4]'],
    ['merge', ['{"a":[1]}', '{"a":{"b":1}}', '{"a":[2]}'], '{"a":[1,2]}'],
    ['merge', ['{"a":1}', undefined], '{"a":1}'],
    ['merge', ['{"a":1}', 'no json'], 'no json'],
    ['merge', ['{"__proto__":{"x":1}}', '{"b":1}'], '{"__proto__":{"x":1},"b":1}'],
    ['manual', ['a', 'b'], 'a person decides'],
    ['manual', ['a', 'a'], 'a'],
  ])('by %s, %j come to %j', (rule, values, shown) => {
    const cells = values.map((value, index) => at(ids[index] ?? ann, index + 1, value));
    expect(shownText(rule, cells)).toBe(shown);
  });

  test('at the very same moment: the cluster id decides', () => {
    expect(shownText('last-write-wins', [at(bob, 1, 'b'), at(ann, 1, 'a')])).toBe('b');
  });

  test('manual keeps every side for a person', () => {
    const cells = [at(bob, 2, 'b'), at(ann, 1, 'a'), at(cem, 3, undefined)];
    expect(mergedCells('manual', cells).cells.map(({ by }) => by)).toEqual([ann, bob, cem]);
  });
});

describe('a stored cell', () => {
  const cell = nextCell(undefined, { value: utf8('x'), by: ann, now: [1, 2] });

  test('of its owner says neither who wrote it nor what was seen', () => {
    expect(codec.decode(encodeCell(codec, cell, ann))).toEqual({ value: utf8('x'), at: [1, 2] });
  });

  test('comes back as it was', () => {
    fc.assert(
      fc.property(anyCell, fc.constantFrom(...ids), (each, owner) => {
        expect(decodeCell(codec, encodeCell(codec, each, owner), owner)).toEqual(each);
      }),
      runs,
    );
  });

  test('with the vector of as many writers as there may be has room for it', () => {
    const writers = Array.from({ length: writersMax }, (_, at) =>
      clusterIdSchema.parse(at.toString(16).padStart(64, '0')),
    );
    const at: Hlc = [2 ** 47, 0xffff];
    const [by = ann] = writers;
    const seen = { ...cell, at, by, vector: writers.map((each) => [each, at] as const) };
    const stored = encodeCell(codec, seen, by);
    expect(stored.length).toBeLessThanOrEqual(cell.value.length + vectorBytesMax);
    expect(decodeCell(codec, stored, by)).toEqual(seen);
  });

  const plain = { value: utf8('x'), at: [1, 2] };
  const crowd = Array.from({ length: writersMax + 1 }, (_, at) => [
    at.toString(16).padStart(64, '0'),
    [1, 2],
  ]);
  test.each<[string, unknown]>([
    ['no map', 'x'],
    ['without a value', { at: [1, 2] }],
    ['whose value is text', { ...plain, value: 'x' }],
    ['without a time', { value: utf8('x') }],
    ['deleted, with a value', { ...plain, deleted: true }],
    ['by nobody', { ...plain, by: 'bob' }],
    ['over the limit', { ...plain, value: new Uint8Array(valueBytesMax + 1) }],
    ['whose vector does not name its writer', { ...plain, vector: [[bob, [9, 0]]] }],
    ['whose vector is behind its own write', { ...plain, vector: [[ann, [1, 1]]] }],
    [
      'whose vector names one twice',
      {
        ...plain,
        vector: [
          [ann, [1, 2]],
          [ann, [1, 2]],
        ],
      },
    ],
    [
      'whose vector is out of order',
      {
        ...plain,
        vector: [
          [bob, [1, 2]],
          [ann, [1, 2]],
        ],
      },
    ],
    ['of too many writers', { ...plain, vector: crowd }],
  ])('%s is refused', (_, stored) => {
    const decode = (): Cell => decodeCell(codec, codec.encode(stored), ann);
    expect(decode).toThrow(expect.objectContaining({ code: 'CHANGE_INVALID' }));
  });
});
