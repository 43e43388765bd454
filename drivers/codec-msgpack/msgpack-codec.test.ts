import { fromHex, HansaError, toHex, utf8 } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMsgpackCodec, depthMax, encodedBytesMax, valuesMax } from './index.ts';

const codec = createMsgpackCodec();

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof HansaError ? error.code : `not ours: ${String(error)}`;
  }
  return 'no error';
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i += 1) {
    value = [value];
  }
  return value;
}

const plain: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).map((number) => number + 0),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.from(bytes)),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string({ unit: 'binary' }).filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value;

describe('round trip', () => {
  test('every plain value decodes to itself', () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(codec.decode(codec.encode(value))).toEqual(normalised(value));
      }),
      { numRuns: 2_000 },
    );
  });

  test('safe integers stay numbers', () => {
    for (const power of [7, 8, 15, 16, 31, 32, 33, 52, 53]) {
      for (const value of [2 ** power - 1, -(2 ** power) + 1, 1 - 2 ** (power - 1)]) {
        expect(codec.decode(codec.encode(value))).toBe(value);
      }
    }
  });

  test('what another encoder writes as a 64-bit integer is a number up to 2^53-1', () => {
    expect(codec.decode(fromHex('cf001fffffffffffff'))).toBe(Number.MAX_SAFE_INTEGER);
    expect(codec.decode(fromHex('d3ffe0000000000001'))).toBe(Number.MIN_SAFE_INTEGER);
    expect(codeOf(() => codec.decode(fromHex('cf0020000000000000')))).toBe('INPUT_INVALID');
    expect(codeOf(() => codec.decode(fromHex('d3ffe0000000000000')))).toBe('INPUT_INVALID');
  });

  test('byte strings come back as plain Uint8Array, whatever carried them', () => {
    const encoded = codec.encode({ buffer: Buffer.from('a'), bytes: utf8('b') });
    expect(encoded.constructor).toBe(Uint8Array);
    const decoded = codec.decode(Buffer.from(encoded));
    expect(decoded).toEqual({ buffer: utf8('a'), bytes: utf8('b') });
    expect(Object.values(Object(decoded)).map((value) => Object(value).constructor)).toEqual([
      Uint8Array,
      Uint8Array,
    ]);
  });

  test('a decoded byte string does not alias the input', () => {
    const encoded = codec.encode(utf8('kept'));
    const decoded = codec.decode(encoded);
    encoded.fill(0);
    expect(decoded).toEqual(utf8('kept'));
  });

  test('encoded bytes stay as they are when the next value is encoded', () => {
    const first = codec.encode({ a: 'first' });
    const before = toHex(first);
    codec.encode({ b: 'second, and longer' });
    expect(toHex(first)).toBe(before);
  });

  test('a field that is undefined is left out', () => {
    const value = { a: undefined, b: { c: undefined, d: 1 } };
    expect(toHex(codec.encode(value))).toBe(toHex(codec.encode({ b: { d: 1 } })));
    expect(codec.decode(codec.encode(value))).toStrictEqual({ b: { d: 1 } });
  });
});

describe('what cannot be encoded', () => {
  test.each([
    ['undefined alone', undefined],
    ['undefined in a list', [undefined]],
    ['a bigint', { n: 1n }],
    ['a function', { run: () => 1 }],
    ['a symbol', Symbol('s')],
    ['a Date', new Date(0)],
    ['a Map', new Map()],
    ['a Set', new Set()],
    ['another typed array', new Float64Array(1)],
    ['half a surrogate pair', '\ud800'],
    ['half a surrogate pair at the end of a long text', `${'x'.repeat(64)}\ud83d`],
    ['half a surrogate pair as a name', { '\udc00': 1 }],
    ['a field "__proto__"', JSON.parse('{"__proto__":{}}')],
    ['nesting over the limit', nested(depthMax + 1)],
    ['more parts than the limit', Array.from({ length: valuesMax }, () => 0)],
  ])('%s is INPUT_INVALID', (_, value) => {
    expect(codeOf(() => codec.encode(value))).toBe('INPUT_INVALID');
  });

  test('a cycle is INPUT_INVALID', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(codeOf(() => codec.encode(cycle))).toBe('INPUT_INVALID');
  });

  test('a value over the size limit is INPUT_TOO_LARGE', () => {
    expect(codeOf(() => codec.encode(new Uint8Array(encodedBytesMax)))).toBe('INPUT_TOO_LARGE');
  });

  test('the deepest allowed value round-trips', () => {
    expect(codec.decode(codec.encode(nested(depthMax)))).toEqual(nested(depthMax));
  });
});

describe('hostile bytes', () => {
  test.each([
    ['nothing', ''],
    ['bytes after the value', '0101'],
    ['a reserved code', 'c1'],
    ['an extension: undefined', 'd40000'],
    ['an extension: date', 'd6ff00000000'],
    ['an extension: record definition', 'd4724091a16101'],
    ['an extension: structured clone', 'd66900000000'],
    ['a list that claims 4 Gi entries', 'ddffffffff'],
    ['a map that claims 4 Gi fields', 'dfffffffff'],
    ['a byte string that ends early', 'c6ffffffff00'],
    ['a text that ends early', 'a561'],
    ['a text that is not UTF-8', 'a2c328'],
    ['a name that is not UTF-8', '81a2c32801'],
    ['a name that is a number', '810101'],
    ['a field "__proto__"', '81a95f5f70726f746f5f5f80'],
    ['a number that ends early', 'cb00'],
  ])('%s is INPUT_INVALID', (_, hex) => {
    expect(codeOf(() => codec.decode(fromHex(hex)))).toBe('INPUT_INVALID');
  });

  test('nesting of 200,000 lists is refused without exhausting the stack', () => {
    expect(codeOf(() => codec.decode(new Uint8Array(200_000).fill(0x91)))).toBe('INPUT_INVALID');
  });

  test('a frame of a million empty maps is refused', () => {
    const bytes = new Uint8Array(1_000_005).fill(0x80);
    bytes.set(fromHex('dd000f4240'));
    expect(codeOf(() => codec.decode(bytes))).toBe('INPUT_INVALID');
  });

  test('more bytes than the limit are refused', () => {
    const bytes = new Uint8Array(encodedBytesMax + 1);
    bytes.set(fromHex('c600fffffc'));
    expect(codeOf(() => codec.decode(bytes))).toBe('INPUT_INVALID');
  });

  test('any bytes decode to a plain value or are INPUT_INVALID', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expectDecodedOrRefused(bytes);
      }),
      { numRuns: 5_000 },
    );
  });

  test('damaged encodings decode to a plain value or are INPUT_INVALID', () => {
    fc.assert(
      fc.property(plain, fc.nat(), fc.nat(255), fc.boolean(), (value, where, byte, cut) => {
        const encoded = codec.encode(value);
        const at = where % encoded.length;
        const damaged = cut ? encoded.slice(0, at) : encoded;
        damaged[at] = byte;
        expectDecodedOrRefused(damaged);
      }),
      { numRuns: 2_000 },
    );
  });
});

function expectDecodedOrRefused(bytes: Uint8Array): void {
  let value: unknown;
  try {
    value = codec.decode(bytes);
  } catch (error) {
    expect(error).toMatchObject({ code: 'INPUT_INVALID' });
    return;
  }
  expect(codec.decode(codec.encode(value))).toEqual(normalised(value));
}

// Zero has one encoding; its sign is not data.
function normalised(value: unknown): unknown {
  if (value === 0) {
    return 0;
  }
  if (Array.isArray(value)) {
    return value.map(normalised);
  }
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normalised(item)]));
  }
  return value;
}
