import { readFileSync } from 'node:fs';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../bytes.ts';
import { frameBytesMax } from '../transport.ts';
import { createFrameCoder, wireKinds, wireNameLengthMax, type Frame } from './frames.ts';

interface Vectors {
  readonly frames: readonly {
    readonly name: string;
    readonly frame: Frame;
    readonly hex: string;
  }[];
  readonly breaches: readonly { readonly name: string; readonly hex: string }[];
}

const coder = createFrameCoder(createMsgpackCodec());
const vectors = JSON.parse(
  readFileSync(new URL('../../protocol/vectors/wire.json', import.meta.url), 'utf8'),
) as Vectors;

describe('the vectors of the wire', () => {
  test.each(vectors.frames)('$name', ({ frame, hex }) => {
    expect(toHex(coder.encode(frame))).toBe(hex);
    expect(coder.decode(fromHex(hex))).toEqual(frame);
  });

  test('name every kind of frame', () => {
    const named = new Set(vectors.frames.map(({ frame }) => frame.kind));
    expect([...named].toSorted()).toEqual(Object.keys(wireKinds).toSorted());
  });

  test.each(vectors.breaches)('$name is a breach', ({ hex }) => {
    expect(() => coder.decode(fromHex(hex))).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_BREACH' }),
    );
  });
});

test('elements after the last one known are ignored', () => {
  expect(coder.decode(fromHex('940601a3796573c3'))).toEqual({ kind: 'end', id: 1 });
});

test('a frame over the limit does not leave, and does not come in', () => {
  const value = new Uint8Array(frameBytesMax);
  expect(() => coder.encode({ kind: 'item', id: 1, value })).toThrow(
    expect.objectContaining({ code: 'FRAME_TOO_LARGE' }),
  );
  expect(() => coder.decode(new Uint8Array(frameBytesMax + 1))).toThrow('over the limit');
});

test('a name of a contract or a method is so long; a longer one is a breach', () => {
  const call: Frame = {
    kind: 'call',
    id: 1,
    contract: 'kv',
    version: 1,
    method: 'get',
    items: 0,
    bytes: 0,
    input: {},
  };
  const name = 'x'.repeat(wireNameLengthMax);
  for (const field of ['contract', 'method']) {
    const frame: Frame = { ...call, [field]: name };
    expect(coder.decode(coder.encode(frame))).toEqual(frame);
    const longer: Frame = { ...call, [field]: `${name}x` };
    expect(() => coder.decode(coder.encode(longer))).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_BREACH' }),
    );
  }
});

test('an item of bytes round-trips at every size', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), (raw) => {
      const value = Uint8Array.from(raw);
      const bytes = coder.encode({ kind: 'item', id: 7, value });
      expect(coder.decode(bytes)).toEqual({ kind: 'item', id: 7, value });
    }),
    { numRuns: 1_000 },
  );
});
