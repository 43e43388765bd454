import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { layOut, readVectors } from '../testkit/by-hand.ts';
import { fromHex, toHex } from './bytes.ts';
import { transcript, type TranscriptField } from './transcript.ts';

const field = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ number: z.number() }),
  z.strictObject({ hex: z.string() }),
]);
type VectorField = z.infer<typeof field>;
const { transcripts } = z
  .object({
    transcripts: z.array(
      z.object({
        name: z.string(),
        domain: z.string(),
        fields: z.array(field),
        hex: z.string(),
      }),
    ),
  })
  .parse(readVectors('transcript'));

function ours(given: VectorField): TranscriptField {
  if ('text' in given) {
    return given.text;
  }
  return 'number' in given ? given.number : fromHex(given.hex);
}

function byHand(given: VectorField): { hex: string } | string | number {
  if ('text' in given) {
    return given.text;
  }
  return 'number' in given ? given.number : given;
}

describe('the bytes of a transcript', () => {
  test.each(transcripts)('vector: $name', ({ domain, fields, hex }) => {
    expect(toHex(transcript(domain, fields.map(ours)))).toBe(hex);
    expect(layOut(domain, ...fields.map(byHand))).toBe(hex);
  });

  test('are other bytes for any other domain or list of fields', () => {
    const bytes = fc.uint8Array({ maxLength: 6 });
    const whole = fc.tuple(fc.string({ maxLength: 4 }), fc.array(bytes, { maxLength: 4 }));
    fc.assert(
      fc.property(whole, whole, ([domainA, a], [domainB, b]) => {
        const same = domainA === domainB && JSON.stringify(a) === JSON.stringify(b);
        const alike = toHex(transcript(domainA, a)) === toHex(transcript(domainB, b));
        expect(alike).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1, Number.POSITIVE_INFINITY])(
    'hold no number like %s, which eight bytes would bend',
    (number) => {
      expect(() => transcript('hansa/test/1', [number])).toThrow(RangeError);
    },
  );

  test('do not change with what the caller does to its buffers afterwards', () => {
    const mine = Uint8Array.of(1, 2, 3);
    const made = transcript('hansa/test/1', [mine]);
    const before = toHex(made);
    mine.fill(9);
    expect(toHex(made)).toBe(before);
  });
});
