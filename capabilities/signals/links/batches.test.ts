import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameBytesMax } from '../frames/limits.ts';
import { batchBytesMax } from '../wire.ts';
import { Batch, unpackFrames } from './batches.ts';
import { LinkLine } from './link-line.ts';

describe('frames in batches', () => {
  test('come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (frames) => {
        expect(unpackFrames(packFrames(frames))).toEqual(frames);
      }),
      { numRuns: 1_000 },
    );
  });

  test('are PROTOCOL_BREACH where they are cut, or longer than any frame is', () => {
    const whole = packFrames([Uint8Array.of(1, 2, 3)]);
    for (let length = 1; length < whole.length; length += 1) {
      const cut = whole.subarray(0, length);
      expect(() => unpackFrames(cut)).toThrow(expect.objectContaining({ code: 'PROTOCOL_BREACH' }));
    }
    const long = packFrames([new Uint8Array(frameBytesMax + 1)]);
    expect(() => unpackFrames(long)).toThrow(expect.objectContaining({ code: 'PROTOCOL_BREACH' }));
  });

  test('are gathered up to the largest batch, and dropped with their line', () => {
    const line = new LinkLine({ remote: 'link', wake: () => undefined });
    const frame = new Uint8Array(60_000);
    for (let i = 0; i < 10; i += 1) {
      line.send(frame);
    }
    expect(line.waiting()).toBe(600_000);
    const batch = line.take() ?? new Uint8Array();
    expect(batch.length).toBeLessThanOrEqual(batchBytesMax);
    expect(unpackFrames(batch)).toHaveLength(4);
    line.drop('over');
    expect([line.take(), line.waiting(), line.reason]).toEqual([undefined, 0, 'over']);
    expect(line.send(frame)).toBe(0);
  });
});

function packFrames(frames: readonly Uint8Array[]): Uint8Array {
  const batch = new Batch();
  frames.forEach((frame) => batch.add(frame));
  return batch.bytes;
}
