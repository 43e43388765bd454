import { concatBytes, equalBytes, frameBytesMax } from '@hansa/foundation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, FrameWriter, writeChunkBytes } from './frames.ts';

const lengthsOf = fc.array(fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 2 * writeChunkBytes })), {
  maxLength: 8,
});

function frameOf(length: number, salt: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + salt) % 251);
}

async function written(frames: readonly Uint8Array[]): Promise<number[][]> {
  const chunks: number[][] = [];
  const writer = new FrameWriter(async (chunk) => {
    chunks.push([...chunk]);
  });
  for (const frame of frames) {
    await writer.add(frame);
  }
  await writer.flush();
  return chunks;
}

test('frames survive whatever cuts the network makes in their bytes', async () => {
  await fc.assert(
    fc.asyncProperty(lengthsOf, fc.integer({ min: 1, max: 9_000 }), async (lengths, piece) => {
      const frames = lengths.map(frameOf);
      const bytes = (await written(frames)).flat();
      const reader = new FrameReader();
      const read: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += piece) {
        read.push(...reader.feed(bytes.slice(at, at + piece)));
      }
      reader.end();
      expect(read.map((frame) => frame.length)).toEqual(lengths);
      expect(equalBytes(concatBytes(read), concatBytes(frames))).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('frames are packed into full chunks, and only the last one is short', async () => {
  const chunks = await written(Array.from({ length: 1_000 }, () => new Uint8Array(100)));
  const lengths = chunks.map((chunk) => chunk.length);
  expect(lengths.slice(0, -1).every((length) => length === writeChunkBytes)).toBe(true);
  expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(104_000);
});

test('a header that announces too much is refused before any of it is held', () => {
  const reader = new FrameReader();
  const header = [...new Uint8Array(new Uint32Array([frameBytesMax + 1]).buffer)].toReversed();
  expect(() => [...reader.feed(header)]).toThrow('over the limit');
});

test('a stream that ends inside a frame or a header has lost something', () => {
  const inBody = new FrameReader();
  expect([...inBody.feed([0, 0, 0, 2, 7])]).toEqual([]);
  expect(() => inBody.end()).toThrow('inside a frame');
  const inHeader = new FrameReader();
  expect([...inHeader.feed([0, 0])]).toEqual([]);
  expect(() => inHeader.end()).toThrow('inside a frame');
  const afterHeader = new FrameReader();
  expect([...afterHeader.feed([0, 0, 0, 2])]).toEqual([]);
  expect(() => afterHeader.end()).toThrow('inside a frame');
});
